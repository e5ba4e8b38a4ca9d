//! The flat form in which the state of a task is stored: releases before and after read the same
//! fields.

use serde::{Deserialize, Serialize};

use super::{Lease, Stage, Status, TaskState};
use crate::{Time, phase::Phase};

/// The stored fields.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredState {
    status: Status,
    phase: Phase,
    phase_seq: u64,
    attempt: u32,
    /// While queued: whether it waits in the queue of its business.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waiting: bool,
    fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wake_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A stored state that no release writes: nothing would ever move such a task on.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("a task that is not over has no wake_at")]
pub(super) struct NoWakeAt;

impl TryFrom<StoredState> for TaskState {
    type Error = NoWakeAt;

    fn try_from(stored: StoredState) -> Result<Self, NoWakeAt> {
        let StoredState { status, phase, phase_seq, attempt, fence, .. } = stored;
        let wake_at = stored.wake_at.ok_or(NoWakeAt);
        let stage = match status {
            Status::Queued if stored.waiting => Stage::Waiting { wake_at: wake_at? },
            Status::Queued => {
                let (not_before, reason) = (stored.not_before, stored.reason);
                Stage::Queued { wake_at: wake_at?, not_before, reason }
            }
            Status::Running => match stored.lease {
                Some(lease) => Stage::Running { lease, wake_at: wake_at? },
                // Releases up to 0.1 took a task over from a dead process by removing its lease.
                None => Stage::Queued { wake_at: wake_at?, not_before: None, reason: None },
            },
            Status::Parked => {
                let reason = stored.reason.unwrap_or_default();
                Stage::Parked { reason, wake_at: stored.wake_at }
            }
            Status::Completed => Stage::Completed,
            Status::Cancelled => Stage::Cancelled { reason: stored.reason },
        };
        Ok(Self { stage, phase, phase_seq, attempt, fence })
    }
}

impl From<TaskState> for StoredState {
    fn from(state: TaskState) -> Self {
        let not_before = match state.stage {
            Stage::Queued { not_before, .. } => not_before,
            Stage::Waiting { .. }
            | Stage::Running { .. }
            | Stage::Parked { .. }
            | Stage::Completed
            | Stage::Cancelled { .. } => None,
        };
        Self {
            status: state.status(),
            phase: state.phase,
            phase_seq: state.phase_seq,
            attempt: state.attempt,
            waiting: state.is_waiting(),
            fence: state.fence,
            lease: state.lease().cloned(),
            not_before,
            wake_at: state.wake_at(),
            reason: state.reason().map(Into::into),
        }
    }
}
