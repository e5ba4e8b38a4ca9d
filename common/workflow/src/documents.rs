//! What a task stores: the task itself, its steps and its artefacts.

use std::collections::BTreeMap;

use domain::{
    BusinessId, NanoUsd, TaskId, Time,
    budget::WarningLevel,
    phase::Phase,
    task::{Status, TaskState},
    tier::Tier,
};
use marketing::artefact::{Finding, Kind};
use serde::{Deserialize, Serialize};

use ledger::documents::Payload;

/// `tasks/{task}/steps`.
pub fn steps_collection(task: &TaskId) -> String {
    format!("tasks/{task}/steps")
}

/// `tasks/{task}/events`.
pub fn events_collection(task: &TaskId) -> String {
    format!("tasks/{task}/events")
}

/// `tasks/{task}/artifacts`.
pub fn artifacts_collection(task: &TaskId) -> String {
    format!("tasks/{task}/artifacts")
}

/// What a client asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskInput {
    /// The business brief.
    pub brief: marketing::brief::Brief,
    /// How many customer profiles.
    pub icp_count: u32,
    /// A positioning option to select instead of the best-scored one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positioning_option: Option<String>,
    /// An artefact to write anew: its steps run under another generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regenerate: Option<Kind>,
    /// What the client wants changed in it, in the client's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regenerate_part: Option<String>,
}

/// What the index says of one artefact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ArtifactEntry {
    /// Grows with every rewrite.
    pub version: u32,
    /// When it was written.
    pub updated_at: Time,
    /// Rules it still breaks.
    pub errors: u32,
    /// Warnings shown to readers.
    pub warnings: u32,
    /// Whether a person must look at it: it still breaks rules after all repairs.
    pub needs_human: bool,
}

/// A stored task: one analysis.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskDoc {
    /// The business that pays.
    pub business: BusinessId,
    /// The tier it was accepted under.
    pub tier: Tier,
    /// Which graph of phases and steps it runs.
    pub graph_version: u32,
    /// [`TaskInput`] as JSON.
    pub input: Payload,
    /// The [`Passage`](domain::vector::Passage)s it reads beside the brief, as JSON:
    /// chosen once, so that every attempt reads the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passages: Option<Payload>,
    /// The task whose results it reuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived_from: Option<TaskId>,
    /// Status, phase, lease.
    #[serde(flatten)]
    pub state: TaskState,
    /// Grows with every commit but the sweep's; tells a writer whether a commit whose answer was
    /// lost took effect.
    #[serde(default)]
    pub commits: u64,
    /// Sequence number of the last event.
    pub last_seq: u64,
    /// Overall progress; never falls.
    pub percent: u32,
    /// What its calls have cost.
    pub cost: NanoUsd,
    /// Models that answered, each once.
    pub models_used: Vec<String>,
    /// Whether any answer was simulated.
    #[serde(default)]
    pub simulated: bool,
    /// Names of the steps that are done, by the phase transition they were done in.
    #[serde(default)]
    pub steps_done: BTreeMap<String, u64>,
    /// The artefacts.
    #[serde(default)]
    pub artifacts: BTreeMap<Kind, ArtifactEntry>,
    /// Decisions to go back, in order.
    #[serde(default)]
    pub route_backs: Vec<marketing::artefact::route_back::Decision>,
    /// Who held it, the latest last.
    #[serde(default)]
    pub holdings: Vec<Holding>,
    /// The highest budget warning that its events gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_warned: Option<WarningLevel>,
    /// When it was accepted.
    pub created_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When it may be deleted.
    pub expire_at: Time,
}

/// The most holdings a task remembers.
const MOST_HOLDINGS: usize = 50;

/// One worker's time with a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holding {
    /// Nonce of the worker.
    pub owner: String,
    /// The fence it wrote under.
    pub fence: u64,
    /// What it worked on.
    pub phase: Phase,
    /// Failed attempts of the phase before it.
    pub attempt: u32,
    /// When it claimed the task.
    pub since: Time,
    /// When it lost or gave up the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What the task was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<Status>,
    /// The reason for that status, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TaskDoc {
    /// Keeps the list of lease holders in step with the state: every commit that may change the
    /// holder calls this.
    pub(crate) fn note_holder(&mut self, now: Time) {
        let lease = self.state.lease().cloned();
        let last = self.holdings.last_mut().filter(|last| last.until.is_none());
        match (last, &lease) {
            (Some(last), Some(lease)) if last.owner == lease.owner => return,
            (Some(last), lease) => {
                last.until = Some(now);
                last.became = Some(self.state.status());
                let reason = match lease {
                    Some(_) => Some("its lease ran out"),
                    None => self.state.reason(),
                };
                last.reason = reason.map(Into::into);
            }
            (None, _) => {}
        }
        if let Some(lease) = lease {
            let TaskState { fence, phase, attempt, .. } = self.state;
            let since = now;
            self.holdings.push(Holding {
                owner: lease.owner,
                fence,
                phase,
                attempt,
                since,
                until: None,
                became: None,
                reason: None,
            });
        }
        let over = self.holdings.len().saturating_sub(MOST_HOLDINGS);
        self.holdings.drain(..over);
    }
}

/// Where a step is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its intent is stored; the call may be on its way.
    Started,
    /// Its answer is stored.
    Done,
    /// Its answer was unusable; the next try asks again under a new generation.
    Failed,
}

/// One model call of a task: its intent, then its answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StepDoc {
    /// Name of the step.
    pub step: String,
    /// Position among the step's calls: block, repair round or critique.
    pub index: String,
    /// Phase transition it was last worked on in.
    pub phase_seq: u64,
    /// The state of the step's call.
    pub state: StepState,
    /// Raised when its answer was unusable, so that the next call has another key.
    pub generation: u32,
    /// The rendered request: the bytes that were sent.
    pub request: Payload,
    /// The whole answer of the gateway, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Payload>,
    /// The cost of the call.
    pub cost: NanoUsd,
    /// Model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_used: Option<String>,
    /// Version of the prompt.
    pub prompt_version: String,
    /// When its intent was stored.
    pub started_at: Time,
    /// When its answer was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When it may be deleted.
    pub expire_at: Time,
}

/// A stored artefact of a task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ArtifactDoc {
    /// The kind of the artefact.
    pub kind: Kind,
    /// Grows with every rewrite.
    pub version: u32,
    /// Its JSON, header included.
    pub content: Payload,
    /// What its rules found.
    pub findings: Vec<Finding>,
    /// Model that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_used: Option<String>,
    /// When it was written.
    pub updated_at: Time,
    /// When it may be deleted.
    pub expire_at: Time,
}

/// The answer of a keyed POST that created something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdempotencyDoc {
    /// The business that sent the request.
    pub business: BusinessId,
    /// Hash of the request body.
    pub request_hash: String,
    /// What the first request created.
    pub result: String,
    /// When it may be deleted.
    pub expire_at: Time,
}
