//! The task engine: submits tasks, runs their phases under a lease, and sweeps tasks without a
//! holder.
//!
//! A message is a hint; the task document is the truth. Only the lease holder and a final
//! transition write the task, always under its version.

mod cancel;
mod context;
mod derive;
mod gather;
mod queue;
mod read;
mod run;
mod step;
mod submit;
mod sweep;
mod trace;
mod worker;

use std::{collections::BTreeMap, sync::Arc};

use domain::{TaskId, phase::Phase, rulebook::Rulebook};
use ports::{ArtifactStore, Clock, Documents, EventBus, Gateway, Ids, Message, Retriever, Version};

pub use run::{Publication, Run, RunError};
pub use step::Written;
pub use submit::{Parent, Submission, Submitted};
pub use trace::TraceEntry;
pub use worker::{Delivery, Wake};

use crate::{
    documents::TaskDoc,
    phases::{Analysis, Phases},
};
use ledger::{Error, Ledger, Result, documents::task_key};

/// The graph of phases and steps that this build knows. A task is pinned to the one it started
/// under.
pub const GRAPH_VERSION: u32 = 1;

/// The ports an engine works with.
#[derive(Clone)]
pub struct EnginePorts {
    /// Tasks, steps, events.
    pub documents: Arc<dyn Documents>,
    /// Large artefacts and requests.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// The bus that carries the wake-ups.
    pub bus: Arc<dyn EventBus>,
    /// Paid calls.
    pub gateway: Arc<dyn Gateway>,
    /// The knowledge bases of the businesses.
    pub retriever: Arc<dyn Retriever>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Nonces and task ids.
    pub ids: Arc<dyn Ids>,
}

/// Tasks and their phases.
#[derive(Clone)]
pub struct Engine {
    ports: EnginePorts,
    ledger: Ledger,
    phases: Arc<dyn Phases>,
    /// A graph version beside [`GRAPH_VERSION`] that this engine takes as its own.
    rehearsed: Option<u32>,
}

impl Engine {
    /// An engine over some ports that runs the analysis.
    pub fn new(ports: EnginePorts, ledger: Ledger) -> Self {
        Self { ports, ledger, phases: Arc::new(Analysis), rehearsed: None }
    }

    /// The same, but with other phases under the same names, for a simulation of a few cheap steps.
    #[must_use]
    pub fn running(mut self, phases: Arc<dyn Phases>) -> Self {
        self.phases = phases;
        self
    }

    /// The same, but tasks start under another graph version and run by this build's graph, to
    /// rehearse a rollout in which two revisions run side by side.
    #[must_use]
    pub fn rehearsing(mut self, version: u32) -> Self {
        self.rehearsed = Some(version);
        self
    }

    /// The version that new tasks are pinned to.
    fn graph_version(&self) -> u32 {
        self.rehearsed.unwrap_or(GRAPH_VERSION)
    }

    /// Whether this revision can walk tasks of a graph version.
    fn knows(&self, version: u32) -> bool {
        version == GRAPH_VERSION || self.rehearsed == Some(version)
    }

    /// The ledger its tasks are paid from.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn rules(&self) -> &Arc<Rulebook> {
        self.ledger.rules()
    }

    async fn read_task(&self, task: &TaskId) -> Result<(TaskDoc, Version)> {
        let found = self.ports.documents.get(&[task_key(task)]).await?.pop().flatten();
        let document = found.ok_or_else(|| Error::NotFound(format!("task `{task}`")))?;
        Ok((document.read()?, document.version))
    }

    /// Publishes a task's wake-up. The sweep publishes a lost one again, so a failure is only
    /// logged.
    async fn wake(&self, task: &TaskId, phase: Phase, phase_seq: u64) {
        let message = wake_message(task, phase, phase_seq);
        if let Err(error) = self.ports.bus.publish(message).await {
            tracing::warn!(task.id = %task, %error, "the wake-up of task {task} was not published; the sweep will");
        }
    }

    /// Tells outside consumers about a task's life.
    async fn announce(&self, task: &TaskId, event: &domain::event::Event) {
        let data = serde_json::to_string(event).unwrap_or_default();
        let attributes = BTreeMap::from([("task_id".into(), task.to_string())]);
        if let Err(error) =
            self.ports.bus.publish(Message { topic: "task-events".into(), data, attributes }).await
        {
            tracing::warn!(task.id = %task, %error, "a lifecycle event of task {task} was not published");
        }
    }
}

fn wake_message(task: &TaskId, phase: Phase, phase_seq: u64) -> Message {
    Message {
        topic: phase.topic().into(),
        data: serde_json::json!({ "task_id": task, "phase_seq": phase_seq }).to_string(),
        attributes: BTreeMap::from([
            ("task_id".into(), task.to_string()),
            ("phase_seq".into(), phase_seq.to_string()),
        ]),
    }
}

#[cfg(test)]
mod tests;
