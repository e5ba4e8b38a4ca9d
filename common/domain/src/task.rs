//! The life of a task: pure transitions over its state, made so that any message may be lost, late
//! or repeated.
//!
//! A message is a hint; the state is the truth. Only the lease holder and a final transition change
//! a task, and the sweep moves on whatever nobody holds.

mod stored;

use serde::{Deserialize, Serialize};

use crate::{Time, phase::Phase, tier::Terms};

/// How long a claim lasts without a heartbeat.
pub const LEASE_SECONDS: i64 = 60;
/// How often the lease holder extends it.
pub const HEARTBEAT_SECONDS: i64 = 5;
/// How long after a lease ends the sweep may wake the task.
pub const WAKE_AFTER_LEASE_SECONDS: i64 = 10;
/// How long a published wake-up may take before the sweep publishes it again.
pub const WAKE_AFTER_PUBLISH_SECONDS: i64 = 30;
/// How often the sweep looks whether a task in its business's queue can start, in case the worker
/// that made room died.
pub const QUEUE_CHECK_SECONDS: i64 = 60;
/// How long a task waits before it tries again whether the infrastructure is back.
pub const OUTAGE_SECONDS: i64 = 15;
/// Attempts of one phase after which a task is parked.
pub const MAX_ATTEMPTS: u32 = 6;

/// Where a task is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a phase function; this is also the outbox slot of its wake-up.
    Queued,
    /// A phase function holds the lease.
    Running,
    /// Finished with a report.
    Completed,
    /// Cancelled by a client.
    Cancelled,
    /// Set aside with a reason, until it is redriven.
    Parked,
}

impl Status {
    /// Whether nothing will change it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// The status in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Parked => "parked",
        }
    }
}

/// Who holds a task, until when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// Nonce of the holder.
    pub owner: String,
    /// When it ends unless extended.
    pub until: Time,
}

/// What the engine decides on. Stored flat, as `task/stored.rs` describes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "stored::StoredState", into = "stored::StoredState")]
pub struct TaskState {
    /// What the task is doing.
    pub stage: Stage,
    /// The phase to run, or that ran last.
    pub phase: Phase,
    /// Grows with every transition between phases, route-backs included; a wake-up names the one it
    /// is for.
    pub phase_seq: u64,
    /// Failed attempts of this phase.
    pub attempt: u32,
    /// Grows with every claim and cancel; tells an old holder that it lost the task.
    pub fence: u64,
}

/// What a task is doing, each with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Waits in the queue of its business, which runs as many tasks as it may.
    Waiting {
        /// When the sweep looks whether it can start.
        wake_at: Time,
    },
    /// Waits for a phase function.
    Queued {
        /// When the sweep publishes its wake-up again.
        wake_at: Time,
        /// It is not claimed before this instant: backoff after a failure.
        not_before: Option<Time>,
        /// What failed before, if anything did.
        reason: Option<String>,
    },
    /// A phase function works on it.
    Running {
        /// Who, until when.
        lease: Lease,
        /// When the sweep publishes its wake-up again.
        wake_at: Time,
    },
    /// Parked: set aside with a reason.
    Parked {
        /// The reason it was parked.
        reason: String,
        /// When the sweep redrives it; `None` leaves that to a person.
        wake_at: Option<Time>,
    },
    /// Finished with a report.
    Completed,
    /// Ended by a client or a kill switch.
    Cancelled {
        /// The reason for the cancel, if one was given.
        reason: Option<String>,
    },
}

/// What a wake-up finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The task was free: commit this state, then work.
    Take(TaskState),
    /// The wake-up is for an earlier transition and the current one is still waiting: publish its
    /// own wake-up again.
    StaleQueued,
    /// Somebody works on it, it is over, it was moved on, or its time has not come: nothing to do.
    Ignore,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterFailure {
    /// It will be tried again.
    Retry,
    /// It was tried often enough.
    Parked,
}

impl TaskState {
    /// A task that was just accepted.
    pub fn submitted(now: Time) -> Self {
        let stage = Stage::queued(now);
        Self { stage, phase: Phase::Research, phase_seq: 1, attempt: 0, fence: 0 }
    }

    /// Its status.
    pub fn status(&self) -> Status {
        match self.stage {
            Stage::Waiting { .. } | Stage::Queued { .. } => Status::Queued,
            Stage::Running { .. } => Status::Running,
            Stage::Parked { .. } => Status::Parked,
            Stage::Completed => Status::Completed,
            Stage::Cancelled { .. } => Status::Cancelled,
        }
    }

    /// Whether it waits in the queue of its business.
    pub fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. })
    }

    /// The holder, while it runs.
    pub fn lease(&self) -> Option<&Lease> {
        match &self.stage {
            Stage::Running { lease, .. } => Some(lease),
            Stage::Waiting { .. }
            | Stage::Queued { .. }
            | Stage::Parked { .. }
            | Stage::Completed
            | Stage::Cancelled { .. } => None,
        }
    }

    /// When the sweep looks at it; `None` when final, and when parked without an instant to wake at.
    pub fn wake_at(&self) -> Option<Time> {
        match self.stage {
            Stage::Waiting { wake_at }
            | Stage::Queued { wake_at, .. }
            | Stage::Running { wake_at, .. } => Some(wake_at),
            Stage::Parked { wake_at, .. } => wake_at,
            Stage::Completed | Stage::Cancelled { .. } => None,
        }
    }

    /// Why it is parked or cancelled, or what failed before it was queued again.
    pub fn reason(&self) -> Option<&str> {
        match &self.stage {
            Stage::Queued { reason, .. } | Stage::Cancelled { reason } => reason.as_deref(),
            Stage::Parked { reason, .. } => Some(reason),
            Stage::Waiting { .. } | Stage::Running { .. } | Stage::Completed => None,
        }
    }

    /// Puts a queued task in the queue behind those of its business that run.
    #[must_use]
    pub fn enqueued(&self, now: Time) -> Self {
        let wake_at = now.plus_seconds(QUEUE_CHECK_SECONDS);
        Self { stage: Stage::Waiting { wake_at }, ..self.clone() }
    }

    /// Takes a task out of the queue of its business; `None` when it is not in it.
    pub fn dequeued(&self, now: Time) -> Option<Self> {
        self.is_waiting().then(|| self.queued(now))
    }

    /// Whether a live lease is held.
    pub fn is_leased(&self, now: Time) -> bool {
        self.lease().is_some_and(|lease| lease.until > now)
    }

    /// Whether `owner` holds the task under `fence`: the only one who may write it.
    pub fn is_held_by(&self, owner: &str, fence: u64) -> bool {
        self.fence == fence && self.lease().is_some_and(|lease| lease.owner == owner)
    }

    /// Decides a wake-up for transition `phase_seq` of `phase`.
    pub fn claim(&self, phase: Phase, phase_seq: u64, owner: &str, now: Time) -> Claim {
        let is_current = (phase_seq, phase) == (self.phase_seq, self.phase);
        match &self.stage {
            // Over, set aside, or not started: a late message changes nothing.
            Stage::Waiting { .. }
            | Stage::Parked { .. }
            | Stage::Completed
            | Stage::Cancelled { .. } => return Claim::Ignore,
            Stage::Queued { .. } if !is_current => return Claim::StaleQueued,
            Stage::Running { .. } if !is_current => return Claim::Ignore,
            Stage::Queued { not_before: Some(at), .. } if *at > now => return Claim::Ignore,
            Stage::Running { lease, .. } if lease.until > now => return Claim::Ignore,
            Stage::Queued { .. } | Stage::Running { .. } => {}
        }
        Claim::Take(Self {
            stage: Stage::running(owner, now),
            fence: self.fence + 1,
            ..self.clone()
        })
    }

    /// Extends the holder's lease; a task that does not run stays as it is.
    #[must_use]
    pub fn heartbeat(&self, now: Time) -> Self {
        let Some(lease) = self.lease() else { return self.clone() };
        Self { stage: Stage::running(&lease.owner, now), ..self.clone() }
    }

    /// Hands the task to `phase` under a new transition number.
    #[must_use]
    pub fn advance(&self, phase: Phase, now: Time) -> Self {
        Self { phase, phase_seq: self.phase_seq + 1, attempt: 0, ..self.queued(now) }
    }

    /// Gives the lease back between two steps, so that another delivery continues the same phase.
    #[must_use]
    pub fn release(&self, now: Time) -> Self {
        Self { phase_seq: self.phase_seq + 1, ..self.queued(now) }
    }

    /// Gives up a lease whose holder is gone, so that the sweep wakes the task at once.
    #[must_use]
    pub fn orphaned(&self, now: Time) -> Self {
        let stage = Stage::Queued { wake_at: now, not_before: None, reason: None };
        if self.lease().is_some() { Self { stage, ..self.clone() } } else { self.clone() }
    }

    /// Counts a failed attempt: backoff with doubling from 2 s, and parking after [`MAX_ATTEMPTS`].
    pub fn fail_attempt(&self, reason: &str, now: Time) -> (Self, AfterFailure) {
        let attempt = self.attempt + 1;
        if attempt >= MAX_ATTEMPTS {
            return (Self { attempt, ..self.park(reason, None) }, AfterFailure::Parked);
        }
        let stage = Stage::backing_off(now.plus_seconds(1 << attempt), reason);
        (Self { stage, attempt, ..self.clone() }, AfterFailure::Retry)
    }

    /// Lets the task wait until the infrastructure is back: no fault of its own, so no attempt is
    /// counted.
    #[must_use]
    pub fn wait_out(&self, reason: &str, now: Time) -> Self {
        let stage = Stage::backing_off(now.plus_seconds(OUTAGE_SECONDS), reason);
        Self { stage, ..self.clone() }
    }

    /// Ends the task with its report.
    #[must_use]
    pub fn complete(&self) -> Self {
        Self { stage: Stage::Completed, fence: self.fence + 1, ..self.clone() }
    }

    /// Cancels the task; `None` when it is over already.
    pub fn cancel(&self, reason: &str) -> Option<Self> {
        let stage = Stage::Cancelled { reason: Some(reason.into()) };
        (!self.status().is_final()).then(|| Self { stage, fence: self.fence + 1, ..self.clone() })
    }

    /// Sets the task aside, to be redriven by hand, or by the sweep at `wake_at`.
    #[must_use]
    pub fn park(&self, reason: &str, wake_at: Option<Time>) -> Self {
        let stage = Stage::Parked { reason: reason.into(), wake_at };
        Self { stage, fence: self.fence + 1, ..self.clone() }
    }

    /// Puts a parked task back in the queue; `None` when it is not parked.
    pub fn redrive(&self, now: Time) -> Option<Self> {
        (self.status() == Status::Parked).then(|| self.advance(self.phase, now).enqueued(now))
    }

    /// What the sweep does with a task whose `wake_at` has come: a state to commit before
    /// publishing its wake-up. `None` when it is held, over, or not due.
    pub fn sweep(&self, now: Time) -> Option<Self> {
        if self.wake_at().is_none_or(|at| at > now) || self.is_leased(now) {
            return None;
        }
        let later = now.plus_seconds(WAKE_AFTER_PUBLISH_SECONDS);
        let stage = match self.stage.clone() {
            Stage::Completed | Stage::Cancelled { .. } => return None,
            Stage::Parked { .. } => return self.redrive(now),
            Stage::Waiting { .. } => return Some(self.enqueued(now)),
            Stage::Queued { not_before, reason, .. } => {
                Stage::Queued { wake_at: later, not_before, reason }
            }
            Stage::Running { lease, .. } => Stage::Running { lease, wake_at: later },
        };
        Some(Self { stage, ..self.clone() })
    }

    fn queued(&self, now: Time) -> Self {
        Self { stage: Stage::queued(now), ..self.clone() }
    }
}

impl Stage {
    fn queued(now: Time) -> Self {
        let wake_at = now.plus_seconds(WAKE_AFTER_PUBLISH_SECONDS);
        Self::Queued { wake_at, not_before: None, reason: None }
    }

    fn backing_off(at: Time, reason: &str) -> Self {
        Self::Queued { wake_at: at, not_before: Some(at), reason: Some(reason.into()) }
    }

    fn running(owner: &str, now: Time) -> Self {
        let until = now.plus_seconds(LEASE_SECONDS);
        Self::Running {
            lease: Lease { owner: owner.into(), until },
            wake_at: until.plus_seconds(WAKE_AFTER_LEASE_SECONDS),
        }
    }
}

/// What becomes of a task that wants to start while others of its business run and wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// The task starts at once.
    Starts,
    /// It waits in the queue of its business.
    Waits,
    /// The queue is as long as it may be.
    Refused,
}

impl Admission {
    /// First come, first served: a task that finds others in the queue joins its end, even when there
    /// is room for one more to run.
    pub fn behind(running: usize, waiting: usize, terms: &Terms) -> Self {
        if waiting == 0 && running < terms.max_running_tasks as usize {
            Self::Starts
        } else if waiting < terms.max_waiting_tasks as usize {
            Self::Waits
        } else {
            Self::Refused
        }
    }
}

#[cfg(test)]
mod tests;
