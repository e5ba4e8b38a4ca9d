//! Where a call's money comes from and goes to: its task's grant, or the business's counters.

use domain::{
    NanoUsd, Time,
    budget::{GrantShort, Movement, Period, Refusal, RefusalCode},
};
use ports::{Key, StoreError, Write};

use super::{Account, Ledger, counters::Counters};
use crate::{
    documents::{CallDoc, GrantDoc, grant_key},
    error::{Error, Result},
};

/// The least a task's grant is topped up by, so that a task near its end does not top up before every call.
const LEAST_TOP_UP: NanoUsd = NanoUsd(20_000_000);

impl Ledger {
    /// The writes that hold `amount` for a call, in its task's grant or in the business's counters.
    pub(super) async fn hold_writes(
        &self,
        account: &Account,
        doc: &CallDoc,
        amount: NanoUsd,
        top_up: &str,
        now: Time,
    ) -> Result<(Vec<Write>, Vec<Key>)> {
        let documents = self.ports.documents.as_ref();
        let Some(task) = &doc.task else {
            let period = &doc.period;
            let mut counters = Counters::read(documents, &account.business, &[period], &account.terms).await?;
            counters.reserve(period, amount, account.tier, now).map_err(Error::Refused)?;
            return Ok(counters.writes(now)?);
        };
        let (stored, version) = self.read_grant(task).await?;
        if stored.business != account.business {
            return Err(Error::NotFound(format!("the grant of task `{task}`")));
        }
        check_task_limit(&stored, amount)?;
        match stored.grant.clone().hold(amount) {
            Ok(grant) => {
                let write = Write::replace(grant_key(task), version, &GrantDoc { grant, ..stored })?;
                Ok((vec![write], Vec::new()))
            }
            Err(GrantShort::NotOpen) => Err(Error::WrongState("the task is over: no new calls".into())),
            Err(GrantShort::Missing(missing)) => {
                let period = Period::of(now);
                let mut counters = Counters::read(documents, &account.business, &[&period], &account.terms).await?;
                // A little more than is missing where the budget carries it, so that the next call need not top up.
                let generous = missing.max(LEAST_TOP_UP);
                let granted = if counters.reserve(&period, generous, account.tier, now).is_ok() {
                    generous
                } else {
                    counters.reserve(&period, missing, account.tier, now).map_err(Error::Refused)?;
                    missing
                };
                let topped = stored.grant.clone().top_up(&period, top_up, granted);
                let topped = topped.and_then(|grant| grant.hold(amount).ok()).ok_or(Error::Contended)?;
                let (mut writes, notices) = counters.writes(now)?;
                writes.push(Write::replace(grant_key(task), version, &GrantDoc { grant: topped, ..stored })?);
                Ok((writes, notices))
            }
        }
    }

    /// The writes that end a call's hold: `spent` may be negative when a sweep charged more than was due.
    pub(super) async fn release_writes(
        &self,
        account: &Account,
        doc: &CallDoc,
        hold: NanoUsd,
        spent: NanoUsd,
        now: Time,
    ) -> Result<(Vec<Write>, Vec<Key>)> {
        if let Some(task) = &doc.task {
            let (stored, version) = self.read_grant(task).await?;
            let grant = stored.grant.clone().settle(hold, spent);
            let sweep_at = Some(now);
            let changed = GrantDoc { grant, sweep_at, ..stored };
            return Ok((vec![Write::replace(grant_key(task), version, &changed)?], Vec::new()));
        }
        let documents = self.ports.documents.as_ref();
        let mut counters = Counters::read(documents, &account.business, &[&doc.period], &account.terms).await?;
        counters.book(&Movement { period: doc.period.clone(), spent, released: hold });
        Ok(counters.writes(now)?)
    }

    /// Records that a period refused work, so that its warning is given once; the refusal stands in any case.
    pub(super) async fn note_refusal(&self, account: &Account, error: Error, now: Time) -> Error {
        let Error::Refused(refusal) = &error else { return error };
        if refusal.code.is_budget()
            && let Err(failed) = self.mark_exhausted(account, refusal.code, now).await
        {
            tracing::warn!(error = %failed, budget.id = %account.business, "a refusal could not be recorded");
        }
        error
    }

    async fn mark_exhausted(&self, account: &Account, code: RefusalCode, now: Time) -> Result<()> {
        let documents = self.ports.documents.as_ref();
        let period = Period::of(now);
        let mut counters = Counters::read(documents, &account.business, &[&period], &account.terms).await?;
        counters.exhaust(&period, code);
        let (writes, notices) = counters.writes(now)?;
        if !writes.is_empty() {
            match documents.commit(writes).await {
                Ok(_) => self.deliver_soon(notices),
                // Somebody else's commit: the next refusal records it.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn check_task_limit(stored: &GrantDoc, amount: NanoUsd) -> Result<()> {
    let committed = stored.grant.spent + stored.grant.reserved;
    match stored.max_cost {
        Some(limit) if committed + amount > limit => {
            let detail = format!("the task's max_cost_usd of ${limit} does not carry another ${amount}");
            Err(Refusal {
                limit: Some(limit),
                spent: Some(stored.grant.spent),
                reserved: Some(stored.grant.reserved),
                estimated: Some(amount),
                remaining: Some((limit - committed).or_zero()),
                ..Refusal::new(RefusalCode::TaskBudgetExceeded, detail)
            }
            .into())
        }
        _ => Ok(()),
    }
}
