//! A claimed task: its run is the only writer of its document while the lease lasts.
//!
//! Progress, parallel results, heartbeats and events all go through [`Run::commit`]. After an error
//! it reads the task again: it recognises its own commit by its number, and another holder ends the
//! run.

use std::{collections::BTreeSet, sync::PoisonError, time::Duration};

use domain::{
    NanoUsd, TaskId, Time,
    budget::Refusal,
    event::{Event, EventKind},
    phase::Phase,
    step::Step,
    task::TaskState,
};
use futures::StreamExt as _;
use marketing::artefact::{Finding, Kind, Severity};
use ports::{GatewayError, Key, KeyedCall, Precondition, Query, StoreError, Version, Write};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Engine, submit::event_write};
use crate::documents::{ArtifactDoc, ArtifactEntry, TaskDoc, TaskInput, artifacts_collection};
use ledger::{
    Account, Error,
    documents::{Payload, RETENTION_SECONDS, task_key},
    retry::Retry,
};

/// The longest a step may take.
pub(super) const STEP_SECONDS: i64 = 240;
/// Steps end before this much of a delivery has passed; the push deadline is 600 s.
pub(super) const SLICE_SECONDS: i64 = 480;

/// Why a run stops before its phase is over.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum RunError {
    /// Another worker holds the task now, or it was cancelled: stop at once.
    #[error("the task is no longer this worker's")]
    Lost,
    /// The delivery's time is used up: the next delivery continues.
    #[error("the slice is over")]
    SliceOver,
    /// Budget, tier or emergency stop refused a call.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The attempt failed; it is tried again with backoff.
    #[error("{0}")]
    Attempt(String),
    /// The store or the gateway cannot be reached.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal),
            Error::Unavailable(reason) => Self::Unavailable(reason),
            Error::Contended => Self::Unavailable("too many writers at once".into()),
            Error::InProgress
            | Error::KeyReused
            | Error::Exhausted
            | Error::NotFound(_)
            | Error::WrongState(_)
            | Error::Internal(_) => Self::Attempt(error.to_string()),
        }
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// What a step makes public: its artefacts, and that it is done.
#[derive(Clone, PartialEq, Debug)]
pub struct Publication {
    /// The kind of the artefact.
    pub kind: Kind,
    /// The artefact as JSON.
    pub content: Value,
    /// What its rules found.
    pub findings: Vec<Finding>,
    /// Model that wrote it; `None` for what is computed.
    pub model_used: Option<String>,
}

/// A claimed task.
pub struct Run {
    pub(super) engine: Engine,
    /// The claimed task.
    pub task: TaskId,
    /// Who pays, under which terms.
    pub account: Account,
    /// What the client asked for.
    pub input: TaskInput,
    pub(super) phase: Phase,
    owner: String,
    fence: u64,
    slice_ends: Time,
    held: Mutex<Held>,
    pub(super) in_flight: std::sync::Mutex<BTreeSet<String>>,
    pub(super) lost: CancellationToken,
}

struct Held {
    doc: TaskDoc,
    version: Version,
}

impl Run {
    pub(super) fn new(
        engine: Engine,
        task: TaskId,
        account: Account,
        input: TaskInput,
        (doc, version): (TaskDoc, Version),
        now: Time,
    ) -> Self {
        let owner = doc.state.lease().map(|lease| lease.owner.clone()).unwrap_or_default();
        Self {
            engine,
            task,
            account,
            input,
            phase: doc.state.phase,
            owner,
            fence: doc.state.fence,
            slice_ends: now.plus_seconds(SLICE_SECONDS),
            held: Mutex::new(Held { doc, version }),
            in_flight: std::sync::Mutex::default(),
            lost: CancellationToken::new(),
        }
    }

    /// The current instant.
    pub fn now(&self) -> Time {
        self.engine.ports.clock.now()
    }

    /// The task as this run last wrote it.
    pub async fn doc(&self) -> TaskDoc {
        self.held.lock().await.doc.clone()
    }

    /// Whether a step was done before, in this run or an earlier one.
    pub async fn is_done(&self, step: Step) -> bool {
        self.held.lock().await.doc.steps_done.contains_key(step.name())
    }

    /// Fails if a step that starts now might outlast the delivery.
    pub(super) fn check_slice(&self) -> Result<(), RunError> {
        if self.lost.is_cancelled() {
            return Err(RunError::Lost);
        }
        if self.now().plus_seconds(STEP_SECONDS) > self.slice_ends {
            Err(RunError::SliceOver)
        } else {
            Ok(())
        }
    }

    /// Commits a change of the task with its events and other writes. `extra` must not depend on
    /// versions that others may change: the task's own version is what guards it.
    pub(super) async fn commit(
        &self,
        change: impl Fn(&mut TaskDoc, Time) -> Vec<(EventKind, Value)>,
        extra: Vec<Write>,
    ) -> Result<Vec<Event>, RunError> {
        let mut held = self.held.lock().await;
        let mut retry = Retry::default();
        loop {
            let now = self.now();
            let mut doc = held.doc.clone();
            let mut events = Vec::new();
            for (kind, data) in change(&mut doc, now) {
                doc.last_seq += 1;
                let (seq, task_id) = (doc.last_seq, self.task.clone());
                events.push(Event { seq, task_id, event: kind, data, timestamp: now });
            }
            doc.commits += 1;
            doc.note_holder(now);
            let mut writes = extra.clone();
            for event in &events {
                writes.push(event_write(event)?);
            }
            writes.push(Write::replace(task_key(&self.task), held.version, &doc)?);
            let error = match self.engine.ports.documents.commit(writes).await {
                Ok(versions) => {
                    *held = Held { doc, version: versions.last().copied().unwrap_or(held.version) };
                    return Ok(events);
                }
                Err(error) => error,
            };
            retry.after(error).await?;
            let (stored, version) = self.engine.read_task(&self.task).await?;
            // A commit that gives the task up is recognised by the state it leaves: a dropped
            // heartbeat may have taken the same number.
            let stands = if self.holds(&doc.state) {
                self.holds(&stored.state)
            } else {
                stored.state == doc.state
            };
            if stands && stored.commits == doc.commits && stored.last_seq == doc.last_seq {
                *held = Held { doc: stored, version };
                return Ok(events);
            }
            if !self.holds(&stored.state) {
                self.lost.cancel();
                return Err(RunError::Lost);
            }
            *held = Held { doc: stored, version };
        }
    }

    fn holds(&self, state: &TaskState) -> bool {
        state.is_held_by(&self.owner, self.fence)
    }

    /// Extends the lease until the run ends or is lost.
    pub(super) async fn keep_alive(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(domain::task::HEARTBEAT_SECONDS.unsigned_abs()))
                .await;
            let beat = |doc: &mut TaskDoc, now: Time| {
                doc.state = doc.state.heartbeat(now);
                Vec::new()
            };
            match self.commit(beat, Vec::new()).await {
                Ok(_) => {}
                Err(RunError::Lost) => return,
                // The next heartbeat may still extend the lease; if not, the sweep wakes another
                // worker.
                Err(error) => {
                    tracing::warn!(task.id = %self.task, %error, "task {} missed a heartbeat", self.task);
                }
            }
        }
    }

    /// Watches the task; completes once it is no longer this run's.
    pub(super) async fn watch_for_loss(&self) {
        let mut changes = self.engine.ports.documents.watch(Query::document(&task_key(&self.task)));
        while let Some(batch) = changes.next().await {
            let Ok(documents) = batch else { break };
            let states = documents.iter().filter_map(|document| document.read::<TaskDoc>().ok());
            if states
                .map(|doc| doc.state)
                .any(|state| !self.holds(&state) && state.fence > self.fence)
            {
                self.lost.cancel();
                return;
            }
        }
        // The watch broke; commits still notice the loss.
        std::future::pending::<()>().await;
    }

    /// Ends the calls in flight of a task that was ended from outside. After a takeover they go on:
    /// the new holder waits for the same calls.
    pub(super) async fn drop_calls(&self) {
        let ended = self.engine.read_task(&self.task).await;
        if !ended.is_ok_and(|(doc, _)| doc.state.status().is_final()) {
            return;
        }
        let keys: Vec<String> =
            self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        for key in keys {
            let call = KeyedCall { task: Some(self.task.clone()), key };
            if let Err(error) =
                self.engine.ports.gateway.cancel(&self.account.business, &call).await
            {
                tracing::warn!(task.id = %self.task, %error, "a call of task {} could not be cancelled", self.task);
            }
        }
    }

    /// Makes a step's artefacts public and marks the step done: one commit.
    pub async fn publish(
        &self,
        step: Step,
        publications: Vec<Publication>,
    ) -> Result<(), RunError> {
        let now = self.now();
        let before = self.doc().await;
        let mut extra = Vec::new();
        for publication in &publications {
            extra.push(self.artifact_write(&before, publication, now).await?);
        }
        let change = |doc: &mut TaskDoc, now: Time| {
            doc.steps_done.insert(step.name().into(), doc.state.phase_seq);
            let mut events = Vec::new();
            for publication in &publications {
                let entry = entry(doc.artifacts.get(&publication.kind), publication, now);
                events.push((
                    EventKind::ArtifactReady,
                    json!({ "kind": publication.kind, "version": entry.version, "errors": entry.errors,
                            "warnings": entry.warnings, "needs_human": entry.needs_human,
                            "simulated": doc.simulated }),
                ));
                doc.artifacts.insert(publication.kind, entry);
            }
            events.push(progress(doc, step, now));
            events
        };
        self.commit(change, extra).await?;
        Ok(())
    }

    async fn artifact_write(
        &self,
        doc: &TaskDoc,
        publication: &Publication,
        now: Time,
    ) -> Result<Write, RunError> {
        let header = marketing::artefact::Header {
            schema_version: marketing::artefact::header::SCHEMA_VERSION,
            task_id: self.task.clone(),
            business_id: self.account.business.clone(),
            generated_at: now,
            model_used: publication.model_used.clone(),
            language: self.input.brief.language.clone(),
            currency: self.input.brief.currency.clone(),
        };
        let mut content = header.stamp(publication.content.clone());
        if let Value::Object(fields) = &mut content {
            fields.insert("simulated".into(), doc.simulated.into());
        }
        let known = doc.artifacts.get(&publication.kind);
        let stored = ArtifactDoc {
            kind: publication.kind,
            version: known.map_or(1, |entry| entry.version + 1),
            content: Payload::store(self.engine.ports.artifacts.as_ref(), content.to_string())
                .await?,
            findings: publication.findings.clone(),
            model_used: publication.model_used.clone(),
            updated_at: now,
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        };
        let key = Key::new(artifacts_collection(&self.task), publication.kind.as_str());
        let mut write = Write::create(key, &stored)?;
        if known.is_some() {
            write.precondition = Precondition::Exists;
        }
        Ok(write)
    }

    /// Reports something without changing anything else.
    pub async fn report(&self, kind: EventKind, data: Value) -> Result<(), RunError> {
        self.commit(|_, _| vec![(kind, data.clone())], Vec::new()).await?;
        Ok(())
    }

    /// Books what a call of this task cost and who answered it.
    pub(super) fn note_call(doc: &mut TaskDoc, cost: NanoUsd, model: &str, simulated: bool) {
        doc.cost += cost;
        doc.simulated |= simulated;
        if !doc.models_used.iter().any(|known| known == model) {
            doc.models_used.push(model.into());
        }
    }
}

fn entry(known: Option<&ArtifactEntry>, publication: &Publication, now: Time) -> ArtifactEntry {
    let count = |severity: Severity| {
        let matching = publication.findings.iter().filter(|finding| finding.severity == severity);
        u32::try_from(matching.count()).unwrap_or(u32::MAX)
    };
    let errors = count(Severity::Error);
    ArtifactEntry {
        version: known.map_or(1, |entry| entry.version + 1),
        updated_at: now,
        errors,
        warnings: count(Severity::Warning),
        needs_human: errors > 0,
    }
}

/// The progress event of a step, and the new percentage, which never falls.
pub(super) fn progress(doc: &mut TaskDoc, step: Step, now: Time) -> (EventKind, Value) {
    let overall: u32 = Phase::ALL.into_iter().map(|phase| weight_done(doc, phase)).sum();
    doc.percent = doc.percent.max(overall);
    let phase_percent = phase_percent(doc, step);
    (step.info().event, progress_data(doc, step, phase_percent, now))
}

/// The share of the whole analysis that a phase's finished steps stand for, in percent.
fn weight_done(doc: &TaskDoc, phase: Phase) -> u32 {
    let done = phase.steps().filter(|step| doc.steps_done.contains_key(step.name()));
    done.map(|step| step.info().weight).sum()
}

/// How much of a step's phase is done, in percent.
pub(super) fn phase_percent(doc: &TaskDoc, step: Step) -> u32 {
    let phase = step.info().phase;
    weight_done(doc, phase) * 100 / phase.weight().max(1)
}

/// The data of a progress event.
pub(super) fn progress_data(doc: &TaskDoc, step: Step, phase_percent: u32, now: Time) -> Value {
    let elapsed_ms = now.ms_since(doc.created_at).max(0);
    let percent = i64::from(doc.percent.max(1));
    let remaining_s = elapsed_ms * (100 - percent).max(0) / percent / 1000;
    json!({
        "percent_complete": doc.percent,
        "phase_percent": phase_percent,
        "current_step": step,
        "estimated_remaining": remaining_s,
        "cost_so_far_usd": doc.cost.as_usd_f64(),
    })
}

/// What a gateway's error means for a run.
pub(super) fn gateway_error(error: GatewayError) -> RunError {
    use domain::budget::RefusalCode;
    match error {
        GatewayError::Unavailable(reason) => RunError::Unavailable(reason),
        GatewayError::InProgress => RunError::Unavailable("the call is still in progress".into()),
        GatewayError::Failed(failed) => {
            RunError::Attempt(format!("{}: {}", failed.code, failed.detail))
        }
        GatewayError::Refused(refused) => {
            match serde_json::from_value::<RefusalCode>(Value::String(refused.code.clone())) {
                Ok(code) => RunError::Refused(Box::new(Refusal::new(code, refused.detail))),
                Err(_) => RunError::Attempt(format!("{}: {}", refused.code, refused.detail)),
            }
        }
    }
}
