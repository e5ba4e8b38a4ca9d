//! Holds and releases a call's money in its task's grant or in the business's counters.

use domain::{
    NanoUsd, TaskId, Time,
    budget::{GrantShort, Movement, Period, Refusal, RefusalCode},
};
use ports::{StoreError, Version, Write};

use super::{
    Account, Ledger,
    group::{Change, Money, Posted},
};
use crate::{
    documents::{CallDoc, GrantDoc, grant_key},
    error::{Error, Result},
    retry::Retry,
};

/// The least a task's grant is topped up by, so that a task near its end does not top up before
/// every call.
const LEAST_TOP_UP: NanoUsd = NanoUsd(20_000_000);

/// Money that a call's transition holds, and the id under which a top-up for it happens once.
pub(super) struct Hold {
    pub(super) amount: NanoUsd,
    pub(super) top_up: String,
}

impl Ledger {
    /// Stores a call's transition together with the hold it needs, in its task's grant or in the
    /// business's counters.
    pub(super) async fn hold(
        &self,
        account: &Account,
        doc: &CallDoc,
        hold: &Hold,
        transition: Write,
        retry: &mut Retry,
    ) -> Result<Posted> {
        let Some(task) = &doc.task else {
            let money = Money::Reserve(doc.period.clone(), hold.amount);
            return self.post(account, Change { writes: vec![transition], money }).await;
        };
        let _turn = self.turn(task).await;
        let (stored, version) = self.read_grant(task).await?;
        if stored.business != account.business {
            return Err(Error::NotFound(format!("the grant of task `{task}`")));
        }
        check_task_limit(&stored, hold.amount)?;
        match stored.grant.clone().hold(hold.amount) {
            Ok(grant) => {
                let of_grant =
                    Write::replace(grant_key(task), version, &GrantDoc { grant, ..stored })?;
                self.commit_alone(vec![transition, of_grant], retry).await
            }
            Err(GrantShort::NotOpen) => {
                Err(Error::WrongState("the task is over: no new calls".into()))
            }
            Err(GrantShort::Missing(missing)) => {
                // Slightly more than is missing, if the budget allows it, so that the next call
                // need not top up.
                let generous = missing.max(LEAST_TOP_UP);
                let grant = (task, stored, version);
                match self.top_up(account, &grant, hold, generous, transition.clone()).await {
                    Err(Error::Refused(_)) if generous > missing => {
                        self.top_up(account, &grant, hold, missing, transition).await
                    }
                    posted => posted,
                }
            }
        }
    }

    async fn top_up(
        &self,
        account: &Account,
        (task, stored, version): &(&TaskId, GrantDoc, Version),
        hold: &Hold,
        amount: NanoUsd,
        transition: Write,
    ) -> Result<Posted> {
        let period = Period::of(self.ports.clock.now());
        let topped = stored.grant.clone().top_up(&period, &hold.top_up, amount);
        let topped =
            topped.and_then(|grant| grant.hold(hold.amount).ok()).ok_or(Error::Contended)?;
        let of_grant = Write::replace(
            grant_key(task),
            *version,
            &GrantDoc { grant: topped, ..stored.clone() },
        )?;
        self.post(
            account,
            Change { writes: vec![transition, of_grant], money: Money::Reserve(period, amount) },
        )
        .await
    }

    /// Stores a call's transition together with the end of its hold: `spent` may be negative when a
    /// sweep charged more than was due.
    pub(super) async fn release(
        &self,
        account: &Account,
        doc: &CallDoc,
        (hold, spent): (NanoUsd, NanoUsd),
        transition: Write,
        retry: &mut Retry,
    ) -> Result<Posted> {
        let Some(task) = &doc.task else {
            let movement = Movement { period: doc.period.clone(), spent, released: hold };
            return self
                .post(
                    account,
                    Change { writes: vec![transition], money: Money::Book(vec![movement]) },
                )
                .await;
        };
        let _turn = self.turn(task).await;
        let (stored, version) = self.read_grant(task).await?;
        let grant = stored.grant.clone().settle(hold, spent);
        let sweep_at = Some(self.ports.clock.now());
        let settled =
            Write::replace(grant_key(task), version, &GrantDoc { grant, sweep_at, ..stored })?;
        self.commit_alone(vec![transition, settled], retry).await
    }

    /// A commit that moves no money of the business.
    pub(super) async fn commit_alone(
        &self,
        writes: Vec<Write>,
        retry: &mut Retry,
    ) -> Result<Posted> {
        match self.ports.documents.commit(writes).await {
            Ok(versions) => Ok(Posted::Stored(versions)),
            Err(error) => {
                retry.after(error).await?;
                Ok(Posted::Overtaken)
            }
        }
    }

    /// Records that a period refused work, so that its warning is given once; the refusal stands in
    /// any case.
    pub(super) async fn note_refusal(&self, account: &Account, error: Error, now: Time) -> Error {
        let Error::Refused(refusal) = &error else { return error };
        if refusal.code.is_budget() {
            let money = Money::Exhaust(Period::of(now), refusal.code);
            if let Err(failed) = self.post(account, Change { writes: Vec::new(), money }).await {
                tracing::warn!(error = %failed, budget.id = %account.business, "a refusal could not be recorded");
            }
        }
        error
    }
}

/// The version that the first write of a change was stored under.
pub(super) fn first(versions: &[Version]) -> Result<Version> {
    let missing = || StoreError::Unavailable("the store named no versions".into());
    Ok(versions.first().copied().ok_or_else(missing)?)
}

fn check_task_limit(stored: &GrantDoc, amount: NanoUsd) -> Result<()> {
    let committed = stored.grant.spent + stored.grant.reserved;
    match stored.max_cost {
        Some(limit) if committed + amount > limit => {
            let detail =
                format!("the task's max_cost_usd of ${limit} does not carry another ${amount}");
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
