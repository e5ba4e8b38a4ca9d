//! How a phase function handles a wake-up: claim the task, run the phase, commit how it ended.

use std::sync::Arc;

use domain::{
    BusinessId, TaskId,
    budget::{Refusal, RefusalCode},
    event::{Event, EventKind},
    phase::Phase,
    task::{AfterFailure, Claim},
};
use marketing::artefact::route_back::{Decision, Outcome};
use ports::{Precondition, Write};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Engine,
    run::{Run, RunError, progress_data},
    submit::event_write,
};
use crate::{
    documents::{TaskDoc, TaskInput},
    phases::{self, End},
};
use ledger::{
    Error, Result,
    documents::{grant_key, task_key},
    retry::Retry,
};

/// The payload of a wake-up.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Wake {
    /// The task to look at.
    pub task_id: TaskId,
    /// Which transition it is for.
    pub phase_seq: u64,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Handled, or meaningless: do not deliver it again.
    Done,
    /// The infrastructure failed, or another revision must take it: deliver it again.
    Again,
}

impl Engine {
    /// Handles a wake-up of a phase.
    pub async fn handle(&self, phase: Phase, wake: &Wake) -> Delivery {
        match self.claim(phase, wake).await {
            // A phase holds much; on the heap it costs an ignored wake-up nothing.
            Ok(Some(run)) => Box::pin(self.work(Arc::new(run))).await,
            Ok(None) => Delivery::Done,
            Err(Error::NotFound(_)) => {
                tracing::warn!(task.id = %wake.task_id, "a wake-up names task {}, which does not exist", wake.task_id);
                Delivery::Done
            }
            Err(error) => {
                tracing::warn!(task.id = %wake.task_id, %error, "task {} could not be claimed", wake.task_id);
                Delivery::Again
            }
        }
    }

    /// Takes the lease, unless the wake-up is stale.
    pub(super) async fn claim(&self, phase: Phase, wake: &Wake) -> Result<Option<Run>> {
        let task = &wake.task_id;
        let owner = self.ports.ids.next();
        let mut retry = Retry::default();
        loop {
            let (doc, version) = self.read_task(task).await?;
            let now = self.ports.clock.now();
            if doc.state.is_held_by(&owner, doc.state.fence) {
                // The claim took effect although its answer was lost.
                return self.prepare(task, doc, version, now).await.map(Some);
            }
            if !self.knows(doc.graph_version) {
                let reason = format!(
                    "task {task} runs graph version {}; another revision must take it",
                    doc.graph_version
                );
                return Err(Error::Unavailable(reason));
            }
            let state = match doc.state.claim(phase, wake.phase_seq, &owner, now) {
                Claim::Ignore => return Ok(None),
                Claim::StaleQueued => {
                    self.wake(task, doc.state.phase, doc.state.phase_seq).await;
                    return Ok(None);
                }
                Claim::Take(state) => state,
            };
            let mut claimed =
                TaskDoc { state, commits: doc.commits + 1, last_seq: doc.last_seq + 1, ..doc };
            claimed.note_holder(now);
            let first = phase.first_step();
            claimed.percent = claimed.percent.max(if claimed.route_backs.is_empty() {
                phase.starts_at()
            } else {
                0
            });
            let event = Event {
                seq: claimed.last_seq,
                task_id: task.clone(),
                event: first.info().event,
                data: progress_data(&claimed, first, 0, now),
                timestamp: now,
            };
            let writes =
                vec![event_write(&event)?, Write::replace(task_key(task), version, &claimed)?];
            match self.ports.documents.commit(writes).await {
                Ok(versions) => {
                    let version = versions.last().copied().unwrap_or(version);
                    return self.prepare(task, claimed, version, now).await.map(Some);
                }
                Err(error) => retry.after(error).await?,
            }
        }
    }

    async fn prepare(
        &self,
        task: &TaskId,
        doc: TaskDoc,
        version: ports::Version,
        now: domain::Time,
    ) -> Result<Run> {
        let account = self.ledger.terms(&doc.business).await?;
        let text = doc.input.load(self.ports.artifacts.as_ref()).await?;
        let input: TaskInput =
            serde_json::from_str(&text).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Run::new(self.clone(), task.clone(), account, input, (doc, version), now))
    }

    /// Runs the phase under the lease, and commits what follows from how it ended.
    async fn work(&self, run: Arc<Run>) -> Delivery {
        // In this order, so that what happens at the same instant can be replayed.
        let ended = tokio::select! {
            biased;
            ended = self.phases.run(&run) => ended,
            () = run.keep_alive() => Err(RunError::Lost),
            () = run.watch_for_loss() => Err(RunError::Lost),
        };
        let task = &run.task;
        let settled = match ended {
            Ok(End::Next(phase)) => self.advance(&run, phase).await,
            Ok(End::Back(decisions)) => self.go_back(&run, decisions).await,
            Ok(End::Done) => self.complete(&run).await,
            Err(error) => self.stopped(&run, error).await,
        };
        match settled {
            Ok(delivery) => delivery,
            Err(RunError::Lost) => {
                run.drop_calls().await;
                tracing::info!(task.id = %task, "task {task} is no longer this worker's");
                Delivery::Done
            }
            Err(error) => {
                tracing::warn!(task.id = %task, %error, "task {task} is left to its lease");
                Delivery::Again
            }
        }
    }

    async fn advance(&self, run: &Run, phase: Phase) -> std::result::Result<Delivery, RunError> {
        let change = |doc: &mut TaskDoc, now| {
            doc.state = doc.state.advance(phase, now);
            Vec::new()
        };
        run.commit(change, Vec::new()).await?;
        let doc = run.doc().await;
        self.wake(&run.task, doc.state.phase, doc.state.phase_seq).await;
        Ok(Delivery::Done)
    }

    /// Returns the task to the phase of the step to repeat, and removes what builds on that step.
    async fn go_back(
        &self,
        run: &Run,
        decisions: Vec<Decision>,
    ) -> std::result::Result<Delivery, RunError> {
        let Some(taken) = decisions.iter().find(|decision| decision.outcome == Outcome::Taken)
        else {
            return Err(RunError::Attempt("a route-back without a taken decision".into()));
        };
        let first = phases::first_step(taken.to);
        let stale = phases::steps_from(first);
        let data = json!({ "rule": taken.rule_id, "to": first, "reason": taken.reason, "attempt": taken.attempt });
        let change = |doc: &mut TaskDoc, now| {
            doc.state = doc.state.advance(first.info().phase, now);
            doc.steps_done.retain(|step, _| !stale.iter().any(|stale| stale.name() == step));
            doc.route_backs.extend(decisions.clone());
            vec![(EventKind::RouteBack, data.clone())]
        };
        run.commit(change, Vec::new()).await?;
        let doc = run.doc().await;
        self.wake(&run.task, doc.state.phase, doc.state.phase_seq).await;
        Ok(Delivery::Done)
    }

    async fn complete(&self, run: &Run) -> std::result::Result<Delivery, RunError> {
        let task = run.task.clone();
        let change = |doc: &mut TaskDoc, now: domain::Time| {
            doc.state = doc.state.complete();
            doc.percent = 100;
            doc.finished_at = Some(now);
            let data = json!({
                "results_url": format!("/v1/tasks/{task}/report"),
                "total_cost_usd": doc.cost.as_usd_f64(),
                "total_duration_ms": now.ms_since(doc.created_at),
                "models_used": doc.models_used,
                "simulated": doc.simulated,
            });
            vec![(EventKind::TaskCompleted, data)]
        };
        let events = run.commit(change, vec![self.closing_write(&run.task)]).await?;
        self.conclude(&run.account.business, &run.task, &events).await;
        Ok(Delivery::Done)
    }

    async fn stopped(&self, run: &Run, error: RunError) -> std::result::Result<Delivery, RunError> {
        match error {
            RunError::Lost => Err(RunError::Lost),
            RunError::SliceOver => {
                let change = |doc: &mut TaskDoc, now| {
                    doc.state = doc.state.release(now);
                    Vec::new()
                };
                run.commit(change, Vec::new()).await?;
                let doc = run.doc().await;
                self.wake(&run.task, doc.state.phase, doc.state.phase_seq).await;
                Ok(Delivery::Done)
            }
            RunError::Refused(refusal) => self.refused(run, &refusal).await,
            RunError::Attempt(reason) => self.failed_attempt(run, &reason).await,
            RunError::Unavailable(reason) => {
                // The lease is given back if the store still answers; an outage of any length parks
                // no task.
                let change = |doc: &mut TaskDoc, now| {
                    doc.state = doc.state.wait_out(&reason, now);
                    Vec::new()
                };
                run.commit(change, Vec::new()).await?;
                tracing::warn!(task.id = %run.task, %reason, "task {} waits for the infrastructure", run.task);
                Ok(Delivery::Done)
            }
        }
    }

    async fn failed_attempt(
        &self,
        run: &Run,
        reason: &str,
    ) -> std::result::Result<Delivery, RunError> {
        let change = |doc: &mut TaskDoc, now| {
            let (state, after) = doc.state.fail_attempt(reason, now);
            doc.state = state;
            match after {
                AfterFailure::Retry => Vec::new(),
                AfterFailure::Parked => vec![(EventKind::TaskParked, json!({ "reason": reason }))],
            }
        };
        let events = run.commit(change, Vec::new()).await?;
        tracing::warn!(task.id = %run.task, %reason, "an attempt of task {} failed", run.task);
        if !events.is_empty() {
            self.after_park(&run.account.business, &run.task, &events).await;
        }
        Ok(Delivery::Done)
    }

    /// When the budget is exhausted a task releases its unheld money and waits for the reset; an
    /// emergency stop cancels it.
    async fn refused(
        &self,
        run: &Run,
        refusal: &Refusal,
    ) -> std::result::Result<Delivery, RunError> {
        let stopped = refusal.code == RefusalCode::EmergencyShutdown;
        let reason = refusal.detail.clone();
        if stopped {
            let change = |doc: &mut TaskDoc, now: domain::Time| {
                doc.state = doc.state.cancel(&reason).unwrap_or_else(|| doc.state.clone());
                doc.finished_at = Some(now);
                vec![(EventKind::TaskCancelled, json!({ "reason": reason }))]
            };
            let events = run.commit(change, vec![self.closing_write(&run.task)]).await?;
            self.conclude(&run.account.business, &run.task, &events).await;
            return Ok(Delivery::Done);
        }
        let now = run.now();
        let resets_at = match refusal.code {
            RefusalCode::MonthlyBudgetExceeded => Some(now.next_month()),
            RefusalCode::DailyBudgetExceeded => Some(now.next_day()),
            RefusalCode::TaskBudgetExceeded
            | RefusalCode::ModelTierRestricted
            | RefusalCode::FeatureLimitExceeded
            | RefusalCode::SubscriptionInactive
            | RefusalCode::SubscriptionNotFound
            | RefusalCode::InputTooLarge
            | RefusalCode::ConcurrencyLimit
            | RefusalCode::EmergencyShutdown => None,
        };
        let change = |doc: &mut TaskDoc, _| {
            doc.state = doc.state.park(&reason, resets_at);
            let data: Value =
                json!({ "code": refusal.code, "reason": reason, "resets_at": resets_at });
            vec![(EventKind::BudgetBlocked, data.clone()), (EventKind::TaskParked, data)]
        };
        let events = run.commit(change, Vec::new()).await?;
        self.after_park(&run.account.business, &run.task, &events).await;
        Ok(Delivery::Done)
    }

    /// Sets the task's grant to closing in its final commit. Closing again what is closed moves no
    /// money.
    pub(super) fn closing_write(&self, task: &TaskId) -> Write {
        let now = self.ports.clock.now();
        Write::merge(grant_key(task), Precondition::Exists)
            .set("state", "closing")
            .set("sweep_at", now.to_string())
    }

    /// Releases the money, starts the next task and publishes the end; the sweep repeats the first
    /// two if this fails.
    pub(super) async fn conclude(&self, business: &BusinessId, task: &TaskId, events: &[Event]) {
        if let Err(error) = self.ledger.flush_grant(task).await {
            tracing::warn!(task.id = %task, %error, "the grant of task {task} is left to the sweep");
        }
        self.start_next(business).await;
        for event in events {
            self.announce(task, event).await;
        }
    }

    /// Releases what no call holds, starts the next task and publishes the pause; the sweep repeats
    /// the first two if this fails.
    pub(super) async fn after_park(&self, business: &BusinessId, task: &TaskId, events: &[Event]) {
        if let Err(error) = self.ledger.return_free(task).await {
            tracing::warn!(task.id = %task, %error, "parked task {task} keeps its grant for now");
        }
        self.start_next(business).await;
        for event in events {
            self.announce(task, event).await;
        }
    }
}
