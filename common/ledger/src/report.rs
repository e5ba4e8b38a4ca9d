//! What a business has spent: its budget now, and its usage over time.

use std::collections::BTreeMap;

use domain::{
    BusinessId, NanoUsd, Time,
    budget::{CallState, Counter, Period, WarningLevel},
    tier::Tier,
    usage::Usage,
};
use ports::{
    Query, Write,
    documents::{Comparison, Direction},
};

use super::{Account, Ledger, counters::Counters, group::Posted};
use crate::{
    documents::{CallDoc, GrantDoc, call_key},
    error::{Error, Result},
    retry::Retry,
};

/// Calls read in one page of a usage report.
const PAGE: usize = 500;
/// The most calls a usage report reads; a longer span must be asked for in parts.
const MOST_CALLS: usize = 50_000;

/// A business's budget now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BudgetView {
    /// The business's tier.
    pub tier: Tier,
    /// The counter of the current day.
    pub day: Counter,
    /// The counter of the current month.
    pub month: Counter,
    /// The highest warning in force.
    pub warning: Option<WarningLevel>,
    /// The month's spending at this pace: month to date ÷ elapsed days × days in the month.
    pub projected_month: NanoUsd,
}

/// What usage is summed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupBy {
    /// UTC day.
    Day,
    /// Task type.
    TaskType,
    /// The analysis that paid; `direct` for calls of clients.
    Task,
    /// Model that served.
    Model,
}

/// Usage of one group.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UsageGroup {
    /// Day, task type, task or model.
    pub key: String,
    /// The cost of the group's calls.
    pub cost: NanoUsd,
    /// Calls that were charged or answered.
    pub calls: u64,
    /// Tokens of all attempts whose usage is known.
    pub usage: Usage,
    /// Calls that another than the first model answered.
    pub fallbacks: u64,
    /// Sorted latencies in milliseconds.
    latencies: Vec<u64>,
}

impl UsageGroup {
    /// The latency below which `percent` of the calls stayed (nearest rank); `None` without calls.
    pub fn latency_percentile(&self, percent: usize) -> Option<u64> {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies.get(rank - 1).copied()
    }

    fn add(&mut self, call: &CallDoc) {
        self.cost += call.charged;
        self.calls += 1;
        self.fallbacks += u64::from(call.fallback_used);
        if call.state == CallState::Done {
            self.latencies.push(call.latency_ms);
        }
        for usage in call.attempts.iter().filter_map(|attempt| attempt.usage.as_ref()) {
            self.usage.input += usage.input;
            self.usage.cached_input += usage.cached_input;
            self.usage.output += usage.output;
            self.usage.reasoning += usage.reasoning;
        }
    }
}

/// Usage between two instants.
#[derive(Clone, PartialEq, Debug)]
pub struct UsageReport {
    /// The usage of all groups together.
    pub total: UsageGroup,
    /// By group, in the order of their keys.
    pub groups: Vec<UsageGroup>,
}

impl Ledger {
    /// The budget of a business as it is now, what its running tasks have spent included.
    pub async fn budget(&self, business: &BusinessId) -> Result<BudgetView> {
        let account = self.terms(business).await?;
        let now = self.ports.clock.now();
        let period = Period::of(now);
        let documents = self.ports.documents.as_ref();
        let mut counters = Counters::read(documents, business, &[&period], &account.terms).await?;
        for grant in self.open_grants(business).await? {
            for movement in grant.grant.flush().1 {
                counters.book(&movement);
            }
        }
        let (day, month) = (counters.of(&period.day), counters.of(&period.month));
        let elapsed = i64::from(now.date().day());
        Ok(BudgetView {
            tier: account.tier,
            day,
            month,
            warning: day.warned.max(month.warned),
            projected_month: month.spent.scaled(i64::from(now.date().days_in_month()), elapsed),
        })
    }

    /// The day's counter as the store has it: running tasks book their spending about once a
    /// second.
    pub async fn day(&self, account: &Account) -> Result<Counter> {
        let period = Period::of(self.ports.clock.now());
        let documents = self.ports.documents.as_ref();
        let counters =
            Counters::read(documents, &account.business, &[&period], &account.terms).await?;
        Ok(counters.of(&period.day))
    }

    async fn open_grants(&self, business: &BusinessId) -> Result<Vec<GrantDoc>> {
        // An open or closing grant has a sweep_at; closed ones drop out of the order.
        let query = Query::collection("grants")
            .equal("business", business.as_str())
            .order("sweep_at", Direction::Ascending)
            .limit(PAGE);
        let found = self.ports.documents.query(&query).await?;
        Ok(found.iter().map(ports::Document::read).collect::<std::result::Result<_, _>>()?)
    }

    /// Sums a business's calls with `from ≤ created_at < to`.
    pub async fn usage(
        &self,
        business: &BusinessId,
        from: Time,
        to: Time,
        group_by: GroupBy,
    ) -> Result<UsageReport> {
        let mut query = Query::collection("calls")
            .equal("business", business.as_str())
            .filter("created_at", Comparison::GreaterOrEqual, from.to_string())
            .filter("created_at", Comparison::Less, to.to_string())
            .order("created_at", Direction::Ascending)
            .limit(PAGE);
        let mut total = UsageGroup { key: "total".into(), ..UsageGroup::default() };
        let mut groups: BTreeMap<String, UsageGroup> = BTreeMap::new();
        let mut read = 0;
        loop {
            let page = self.ports.documents.query(&query).await?;
            for document in &page {
                let call: CallDoc = document.read()?;
                if matches!(call.state, CallState::Reserved | CallState::Failed)
                    && call.charged == NanoUsd::ZERO
                {
                    continue;
                }
                let key = match group_by {
                    GroupBy::Day => call.period.day.clone(),
                    GroupBy::TaskType => call.task_type.clone(),
                    GroupBy::Task => {
                        call.task.as_ref().map_or_else(|| "direct".into(), ToString::to_string)
                    }
                    GroupBy::Model => call.model_used.clone().unwrap_or_else(|| "unknown".into()),
                };
                total.add(&call);
                groups
                    .entry(key.clone())
                    .or_insert_with(|| UsageGroup { key, ..UsageGroup::default() })
                    .add(&call);
            }
            read += page.len();
            match page.last() {
                Some(_) if read >= MOST_CALLS => {
                    let detail = format!(
                        "the span holds more than {MOST_CALLS} calls: ask for a shorter one"
                    );
                    return Err(Error::WrongState(detail));
                }
                Some(last) if page.len() == PAGE => query = query.after(last),
                _ => break,
            }
        }
        let mut groups: Vec<UsageGroup> = groups.into_values().collect();
        for group in groups.iter_mut().chain([&mut total]) {
            group.latencies.sort_unstable();
        }
        Ok(UsageReport { total, groups })
    }

    /// Books usage of a call made elsewhere, in full even past the limit; the same id books once.
    pub async fn report_usage(&self, id: &domain::CallId, call: CallDoc) -> Result<bool> {
        let account = self.terms(&call.business).await?;
        let mut retry = Retry::default();
        loop {
            let key = call_key(id);
            if let Some(document) = self.read_one(&key).await? {
                let known: CallDoc = document.read()?;
                return if known.request_hash == call.request_hash {
                    Ok(false)
                } else {
                    Err(Error::KeyReused)
                };
            }
            let call = CallDoc { mirror_at: Some(self.ports.clock.now()), ..call.clone() };
            let spent = (NanoUsd::ZERO, call.charged);
            let transition = Write::create(key, &call)?;
            if let Posted::Stored(_) =
                self.release(&account, &call, spent, transition, &mut retry).await?
            {
                return Ok(true);
            }
        }
    }
}
