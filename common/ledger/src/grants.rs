//! A task's money: opened when the task is accepted, booked now and then, given back at its end.

use domain::{
    NanoUsd, TaskId, Time,
    budget::{Grant, GrantState, Movement, Period, Refusal, RefusalCode},
};
use ports::{StoreError, Write};

use super::{
    Account, Ledger,
    group::{Change, Money, Posted},
};
use crate::{
    documents::{GrantDoc, RETENTION_SECONDS, grant_key},
    error::Result,
    retry::Retry,
};

/// Spending inside a grant is booked in the business's counters at most this often.
const FLUSH_MS: i64 = 1_000;
/// When the sweep first looks at a grant.
const SWEEP_SECONDS: i64 = 300;

/// What a new task may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskMoney {
    /// What it is expected to need at most: so much is reserved.
    pub estimate: NanoUsd,
    /// The most its client lets it cost.
    pub most: Option<NanoUsd>,
}

impl Ledger {
    /// Stores a new task's documents together with its grant, which reserves its money in the
    /// business's counters.
    ///
    /// Returns whether they are stored. If not, one of them existed already or another change
    /// conflicted: read again, because the stored ones may be the caller's own.
    pub async fn open_grant(
        &self,
        account: &Account,
        task: &TaskId,
        money: &TaskMoney,
        mut documents: Vec<Write>,
    ) -> Result<bool> {
        let amount = money.most.map_or(money.estimate, |limit| limit.min(money.estimate));
        if money.most.is_some_and(|limit| limit <= NanoUsd::ZERO) {
            let detail = "max_cost_usd must be above 0";
            return Err(Refusal::new(RefusalCode::TaskBudgetExceeded, detail).into());
        }
        let now = self.ports.clock.now();
        let period = Period::of(now);
        let grant = GrantDoc {
            business: account.business.clone(),
            grant: Grant::open(period.clone(), amount),
            max_cost: money.most,
            flushed_at: now,
            sweep_at: Some(now.plus_seconds(SWEEP_SECONDS)),
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        };
        documents.push(Write::create(grant_key(task), &grant)?);
        match self
            .post(account, Change { writes: documents, money: Money::Reserve(period, amount) })
            .await
        {
            Ok(posted) => Ok(matches!(posted, Posted::Stored(_))),
            Err(error) => Err(self.note_refusal(account, error, now).await),
        }
    }

    /// Books a grant's spending; a closing grant also gives back what is free and is closed once
    /// nothing is held.
    pub async fn flush_grant(&self, task: &TaskId) -> Result<GrantDoc> {
        self.move_money(task, Grant::flush).await
    }

    /// Releases what no call of a parked task holds; the grant stays open and is topped up when the
    /// task resumes.
    pub async fn return_free(&self, task: &TaskId) -> Result<GrantDoc> {
        self.move_money(task, Grant::return_free).await
    }

    async fn move_money(
        &self,
        task: &TaskId,
        decide: impl Fn(Grant) -> (Grant, Vec<Movement>),
    ) -> Result<GrantDoc> {
        let mut retry = Retry::default();
        loop {
            let (stored, version) = self.read_grant(task).await?;
            let account = self.terms(&stored.business).await?;
            let now = self.ports.clock.now();
            let (grant, movements) = decide(stored.grant.clone());
            let sweep_at = match grant.state {
                GrantState::Closed => None,
                GrantState::Open | GrantState::Closing => Some(now.plus_seconds(SWEEP_SECONDS)),
            };
            let flushed = GrantDoc { grant, flushed_at: now, sweep_at, ..stored };
            let writes = vec![Write::replace(grant_key(task), version, &flushed)?];
            match self.post(&account, Change { writes, money: Money::Book(movements) }).await? {
                Posted::Stored(_) => return Ok(flushed),
                Posted::Overtaken => retry.after(StoreError::Conflict(grant_key(task))).await?,
            }
        }
    }

    /// Books a grant's spending if that was not done lately, and always while it is closing.
    pub(super) async fn flush_if_stale(&self, task: &TaskId, now: Time) -> Result<()> {
        let (stored, _) = self.read_grant(task).await?;
        if stored.grant.state == GrantState::Closing || now.ms_since(stored.flushed_at) >= FLUSH_MS
        {
            self.flush_grant(task).await?;
        }
        Ok(())
    }

    /// A task's money.
    pub async fn grant(&self, task: &TaskId) -> Result<GrantDoc> {
        Ok(self.read_grant(task).await?.0)
    }
}
