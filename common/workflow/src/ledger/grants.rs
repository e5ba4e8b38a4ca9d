//! A task's money: opened when the task is accepted, booked now and then, given back at its end.

use domain::{
    NanoUsd, TaskId, Time,
    budget::{Grant, GrantState, Movement, Period, Refusal, RefusalCode},
};
use ports::{Key, Write};

use super::{Account, Ledger, counters::Counters};
use crate::{
    documents::{GrantDoc, RETENTION_SECONDS, grant_key},
    error::{Error, Result},
    retry::Retry,
};

/// Spending inside a grant is booked in the business's counters at most this often.
const FLUSH_MS: i64 = 1_000;
/// When the sweep first looks at a grant.
const SWEEP_SECONDS: i64 = 300;

impl Ledger {
    /// The writes that reserve a new task's money: its grant and the business's counters. They are valid for the
    /// counters as read now; after a conflict ask again.
    pub async fn grant_writes(
        &self,
        account: &Account,
        task: &TaskId,
        amount: NanoUsd,
        max_cost: Option<NanoUsd>,
        now: Time,
    ) -> Result<(Vec<Write>, Vec<Key>)> {
        let amount = max_cost.map_or(amount, |limit| limit.min(amount));
        if max_cost.is_some_and(|limit| limit <= NanoUsd::ZERO) {
            let detail = "max_cost_usd must be above 0";
            return Err(Refusal::new(RefusalCode::TaskBudgetExceeded, detail).into());
        }
        let period = Period::of(now);
        let documents = self.ports.documents.as_ref();
        let mut counters = Counters::read(documents, &account.business, &[&period], &account.terms).await?;
        if let Err(refusal) = counters.reserve(&period, amount, account.tier, now) {
            return Err(self.note_refusal(account, Error::Refused(refusal), now).await);
        }
        let (mut writes, notices) = counters.writes(now)?;
        let grant = GrantDoc {
            business: account.business.clone(),
            grant: Grant::open(period, amount),
            max_cost,
            flushed_at: now,
            sweep_at: Some(now.plus_seconds(SWEEP_SECONDS)),
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        };
        writes.push(Write::create(grant_key(task), &grant)?);
        Ok((writes, notices))
    }

    /// Books a grant's spending; a closing grant also gives back what is free and is closed once nothing is held.
    pub async fn flush_grant(&self, task: &TaskId) -> Result<GrantDoc> {
        self.move_money(task, Grant::flush).await
    }

    /// Gives back what no call of a parked task holds; the grant stays open and is topped up when the task goes on.
    pub async fn return_free(&self, task: &TaskId) -> Result<GrantDoc> {
        self.move_money(task, Grant::return_free).await
    }

    async fn move_money(&self, task: &TaskId, decide: impl Fn(Grant) -> (Grant, Vec<Movement>)) -> Result<GrantDoc> {
        let mut retry = Retry::default();
        loop {
            let (stored, version) = self.read_grant(task).await?;
            let account = self.terms(&stored.business).await?;
            let turn = self.turn(&stored.business).await;
            let now = self.ports.clock.now();
            let (grant, movements) = decide(stored.grant.clone());
            let sweep_at = match grant.state {
                GrantState::Closed => None,
                GrantState::Open | GrantState::Closing => Some(now.plus_seconds(SWEEP_SECONDS)),
            };
            let periods: Vec<&Period> = movements.iter().map(|movement| &movement.period).collect();
            let documents = self.ports.documents.as_ref();
            let mut counters = Counters::read(documents, &stored.business, &periods, &account.terms).await?;
            for movement in &movements {
                counters.book(movement);
            }
            let (mut writes, notices) = counters.writes(now)?;
            let flushed = GrantDoc { grant, flushed_at: now, sweep_at, ..stored };
            writes.push(Write::replace(grant_key(task), version, &flushed)?);
            let committed = self.ports.documents.commit(writes).await;
            drop(turn);
            match committed {
                Ok(_) => {
                    self.deliver_soon(notices);
                    return Ok(flushed);
                }
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// Books a grant's spending if that was not done lately, and always while it is closing.
    pub(super) async fn flush_if_stale(&self, task: &TaskId, now: Time) -> Result<()> {
        let (stored, _) = self.read_grant(task).await?;
        if stored.grant.state == GrantState::Closing || now.ms_since(stored.flushed_at) >= FLUSH_MS {
            self.flush_grant(task).await?;
        }
        Ok(())
    }

    /// A task's money.
    pub async fn grant(&self, task: &TaskId) -> Result<GrantDoc> {
        Ok(self.read_grant(task).await?.0)
    }
}
