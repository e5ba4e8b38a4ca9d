//! What a task tells its watchers: a gap-free sequence that only ever grows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{TaskId, Time};

/// Kinds of stored events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The task was accepted.
    TaskStarted,
    /// Progress of the intake.
    IntakeProgress,
    /// Progress of evidence, situation or ladder.
    ResearchProgress,
    /// Progress of the plan.
    SostacProgress,
    /// Progress of the positioning.
    PositioningProgress,
    /// Progress of the profiles.
    IcpProgress,
    /// Progress of metrics and marketing mix.
    StrategyProgress,
    /// Progress of calendar and briefs.
    ContentProgress,
    /// Progress of measurement and report.
    AnalyticsProgress,
    /// An artefact can be read.
    ArtifactReady,
    /// An answer broke rules and is being repaired.
    ValidationFailed,
    /// An earlier phase is repeated.
    RouteBack,
    /// Another model than the first answered.
    ModelFallback,
    /// The tier capped the model.
    ModelDowngraded,
    /// A budget threshold was crossed.
    BudgetWarning,
    /// The budget is used up; the task waits.
    BudgetBlocked,
    /// The task finished.
    TaskCompleted,
    /// Cancelled by a client.
    TaskCancelled,
    /// Set aside until somebody redrives it.
    TaskParked,
}

impl EventKind {
    /// Whether it ends the task's life for now: watchers may close behind it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::TaskCompleted | Self::TaskCancelled)
    }

    /// Whether a newer one of the same kind makes it worthless, so that a slow watcher may skip it.
    pub fn is_progress(self) -> bool {
        matches!(
            self,
            Self::IntakeProgress
                | Self::ResearchProgress
                | Self::SostacProgress
                | Self::PositioningProgress
                | Self::IcpProgress
                | Self::StrategyProgress
                | Self::ContentProgress
                | Self::AnalyticsProgress
        )
    }
}

/// One event, as stored and as sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Position in the task's sequence, from 1.
    pub seq: u64,
    /// The task of the event.
    pub task_id: TaskId,
    /// The kind of the event.
    pub event: EventKind,
    /// Data of the event; its shape depends on the kind.
    pub data: Value,
    /// The time of the event.
    pub timestamp: Time,
}

impl Event {
    /// The document id of a position: zero-padded, so that ids sort as numbers.
    pub fn document_id(seq: u64) -> String {
        format!("{seq:010}")
    }
}
