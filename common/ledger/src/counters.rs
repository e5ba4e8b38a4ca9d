//! A business's budget counters as they were read or last written, what is decided on them, and the
//! writes that carry it.

use domain::{
    BusinessId, NanoUsd, Time,
    budget::{Counter, Exceeded, Movement, Period, Refusal, RefusalCode, WarningLevel},
    tier::{Terms, Tier},
};
use ports::{Document, Documents, Key, StoreError, Version, Write};

use crate::documents::{NoticeDoc, RETENTION_SECONDS, SpendDoc, spend_key};

/// The day and month counters of some periods.
pub(super) struct Counters {
    business: BusinessId,
    seen: Vec<Seen>,
}

struct Seen {
    name: String,
    version: Option<Version>,
    before: Counter,
    now: Counter,
    /// Whether money was moved, even if the counter looks unchanged: the stored one may have
    /// changed, and only a conditional write finds out.
    is_moved: bool,
}

impl Seen {
    fn new(name: &str, found: Option<Document>, limit: NanoUsd) -> Result<Self, StoreError> {
        let version = found.as_ref().map(|document| document.version);
        let counter = match found {
            // Only its own fields are read: a flattened part would copy all fields.
            Some(document) => document.read::<Counter>()?,
            None => Counter::new(limit),
        };
        Ok(Self { name: name.into(), version, before: counter, now: counter, is_moved: false })
    }
}

impl Counters {
    /// No counters yet.
    pub(super) fn new(business: &BusinessId) -> Self {
        Self { business: business.clone(), seen: Vec::new() }
    }

    /// Reads the counters of periods; absent ones start with the tier's limits.
    pub(super) async fn read(
        documents: &dyn Documents,
        business: &BusinessId,
        periods: &[&Period],
        terms: &Terms,
    ) -> Result<Self, StoreError> {
        let mut counters = Self::new(business);
        counters.add(documents, periods, terms).await?;
        Ok(counters)
    }

    /// Reads those counters of periods that are not here yet.
    pub(super) async fn add(
        &mut self,
        documents: &dyn Documents,
        periods: &[&Period],
        terms: &Terms,
    ) -> Result<(), StoreError> {
        let mut names: Vec<(&str, NanoUsd)> = Vec::new();
        for period in periods {
            for (name, limit) in
                [(&period.day, terms.daily_limit), (&period.month, terms.monthly_limit)]
            {
                let is_known = self.seen.iter().any(|seen| seen.name == *name);
                if !is_known && !names.iter().any(|(known, _)| known == name) {
                    names.push((name, limit));
                }
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> =
            names.iter().map(|(name, _)| spend_key(&self.business, name)).collect();
        let found = documents.get(&keys).await?;
        for ((name, limit), document) in names.iter().zip(found) {
            self.seen.push(Seen::new(name, document, *limit)?);
        }
        Ok(())
    }

    /// Whether none is here.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The counter of a day or month that was read; a full one for any other, so that nothing fits
    /// it.
    pub(super) fn of(&self, name: &str) -> Counter {
        let seen = self.seen.iter().find(|seen| seen.name == name);
        seen.map_or(Counter::new(NanoUsd::ZERO), |seen| seen.now)
    }

    fn change(&mut self, name: &str, change: impl FnOnce(Counter) -> Counter) {
        if let Some(seen) = self.seen.iter_mut().find(|seen| seen.name == name) {
            seen.now = change(seen.now);
        }
    }

    fn move_money(&mut self, period: &Period, change: impl Fn(Counter) -> Counter) {
        for seen in
            self.seen.iter_mut().filter(|seen| seen.name == period.day || seen.name == period.month)
        {
            (seen.now, seen.is_moved) = (change(seen.now), true);
        }
    }

    /// Holds an amount in a period's day and month, or says which refused it.
    pub(super) fn reserve(
        &mut self,
        period: &Period,
        amount: NanoUsd,
        tier: Tier,
        now: Time,
    ) -> Result<(), Box<Refusal>> {
        let refuse = |code, name: &str, counter: &Counter, exceeded: Exceeded, resets_at| {
            let detail = format!(
                "{name}: this needs up to ${amount} and ${} of the ${} limit is free until {resets_at}",
                exceeded.remaining, counter.limit
            );
            Box::new(Refusal {
                tier: Some(tier),
                limit: Some(counter.limit),
                spent: Some(counter.spent),
                reserved: Some(counter.reserved),
                estimated: Some(amount),
                remaining: Some(exceeded.remaining),
                resets_at: Some(resets_at),
                ..Refusal::new(code, detail)
            })
        };
        let (day, month) = (self.of(&period.day), self.of(&period.month));
        day.reserve(amount).map_err(|exceeded| {
            refuse(RefusalCode::DailyBudgetExceeded, &period.day, &day, exceeded, now.next_day())
        })?;
        month.reserve(amount).map_err(|exceeded| {
            refuse(
                RefusalCode::MonthlyBudgetExceeded,
                &period.month,
                &month,
                exceeded,
                now.next_month(),
            )
        })?;
        self.move_money(period, |counter| Counter {
            reserved: counter.reserved + amount,
            ..counter
        });
        Ok(())
    }

    /// Books spending and releases holds of a period.
    pub(super) fn book(&mut self, movement: &Movement) {
        let Movement { period, spent, released } = movement;
        if (*spent, *released) != (NanoUsd::ZERO, NanoUsd::ZERO) {
            self.move_money(period, |counter| counter.book(*spent, *released));
        }
    }

    /// Marks the counter that refused work for lack of budget as exhausted, once.
    pub(super) fn exhaust(&mut self, period: &Period, code: RefusalCode) {
        let name =
            if code == RefusalCode::DailyBudgetExceeded { &period.day } else { &period.month };
        self.change(name, |counter| Counter {
            warned: counter.warned.max(Some(WarningLevel::Exhausted)),
            ..counter
        });
    }

    /// The writes that carry the changes, and the notices among them: a threshold and its notice
    /// are one commit.
    pub(super) fn writes(&mut self, now: Time) -> Result<(Vec<Write>, Vec<Key>), StoreError> {
        let (mut writes, mut notices) = (Vec::new(), Vec::new());
        for seen in &mut self.seen {
            if let Some(level) = seen.now.crossed() {
                seen.now.warned = Some(level);
            }
            if seen.now == seen.before && !seen.is_moved {
                continue;
            }
            let body = SpendDoc {
                business: self.business.clone(),
                period: seen.name.clone(),
                counter: seen.now,
            };
            writes.push(Write::put(spend_key(&self.business, &seen.name), seen.version, &body)?);
            if let Some(level) = seen.now.warned.filter(|level| seen.before.warned < Some(*level)) {
                let (key, notice) = notice(&self.business, &seen.name, level, now);
                writes.push(Write::create(key.clone(), &notice)?);
                notices.push(key);
            }
        }
        Ok((writes, notices))
    }

    /// Undoes what was decided since the counters were read or last committed.
    pub(super) fn undo(&mut self) {
        for seen in &mut self.seen {
            (seen.now, seen.is_moved) = (seen.before, false);
        }
    }

    /// Notes that the decision is stored, under the versions of these writes: the next decision
    /// needs no read.
    pub(super) fn committed(&mut self, writes: &[(Key, Version)]) {
        for seen in &mut self.seen {
            let key = spend_key(&self.business, &seen.name);
            if let Some((_, version)) = writes.iter().find(|(written, _)| *written == key) {
                (seen.version, seen.before, seen.is_moved) = (Some(*version), seen.now, false);
            }
        }
        // The limit of a counter that was never stored may still change.
        self.seen.retain(|seen| seen.version.is_some());
        // Counters of past days are dropped; the few calls that end late read them again.
        let over = self.seen.len().saturating_sub(MOST_COUNTERS);
        self.seen.drain(..over);
    }
}

/// The most counters kept between commits: day and month of two periods.
const MOST_COUNTERS: usize = 4;

fn notice(business: &BusinessId, period: &str, level: WarningLevel, now: Time) -> (Key, NoticeDoc) {
    let notice = NoticeDoc {
        kind: "budget_warning".into(),
        business: business.clone(),
        period: period.into(),
        level,
        created_at: now,
        sweep_at: Some(now),
        expire_at: now.plus_seconds(RETENTION_SECONDS),
    };
    (Key::new("notices", format!("{business}_{period}_{}", level.as_str())), notice)
}
