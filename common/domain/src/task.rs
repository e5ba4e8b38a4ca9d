//! The life of a task: pure transitions over its state, made so that any message may be lost, late
//! or repeated.
//!
//! A message is a hint; the state is the truth. Only the lease holder and a final transition change
//! a task, and the sweep moves on whatever nobody holds.

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
/// How often the sweep looks whether a task that waits in line can start, should whoever made room
/// have died.
pub const LOOK_AT_LINE_SECONDS: i64 = 60;
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
    /// Ended without one.
    Failed,
    /// Cancelled by a client.
    Cancelled,
    /// Set aside with a reason, until it is redriven.
    Parked,
}

impl Status {
    /// Whether nothing will change it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The status in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
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

/// What the engine decides on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskState {
    /// Where it is.
    pub status: Status,
    /// The phase to run, or that ran last.
    pub phase: Phase,
    /// Grows with every transition between phases, route-backs included; a wake-up names the one it
    /// is for.
    pub phase_seq: u64,
    /// Failed attempts of this phase.
    pub attempt: u32,
    /// Whether it waits in line, while queued, because its business runs as many tasks as it may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// Grows with every claim and cancel; tells an old holder that it lost the task.
    pub fence: u64,
    /// The holder, while running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Not before this instant: backoff after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// When the sweep looks at it; absent when final, and when parked without an instant to wake
    /// at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<Time>,
    /// Why it is parked or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
        Self {
            status: Status::Queued,
            phase: Phase::Research,
            phase_seq: 1,
            attempt: 0,
            waiting: false,
            fence: 0,
            lease: None,
            not_before: None,
            wake_at: Some(now.plus_seconds(WAKE_AFTER_PUBLISH_SECONDS)),
            reason: None,
        }
    }

    /// Puts a queued task in line behind those of its business that run.
    #[must_use]
    pub fn in_line(&self, now: Time) -> Self {
        Self {
            waiting: true,
            wake_at: Some(now.plus_seconds(LOOK_AT_LINE_SECONDS)),
            ..self.clone()
        }
    }

    /// Lets a task go that waited in line; `None` when it does not wait.
    pub fn start(&self, now: Time) -> Option<Self> {
        self.waiting.then(|| self.queued(now))
    }

    /// Whether a live lease is held.
    pub fn is_leased(&self, now: Time) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.until > now)
    }

    /// Whether `owner` holds the task under `fence`: the only one who may write it.
    pub fn is_held_by(&self, owner: &str, fence: u64) -> bool {
        self.status == Status::Running
            && self.fence == fence
            && self.lease.as_ref().is_some_and(|lease| lease.owner == owner)
    }

    /// Decides a wake-up for transition `phase_seq` of `phase`.
    pub fn claim(&self, phase: Phase, phase_seq: u64, owner: &str, now: Time) -> Claim {
        match self.status {
            // Over, or set aside: a late message changes nothing.
            Status::Completed | Status::Failed | Status::Cancelled | Status::Parked => {
                return Claim::Ignore;
            }
            Status::Queued | Status::Running => {}
        }
        if self.waiting {
            return Claim::Ignore;
        }
        if (phase_seq, phase) != (self.phase_seq, self.phase) {
            return if self.status == Status::Queued { Claim::StaleQueued } else { Claim::Ignore };
        }
        if self.is_leased(now) || self.not_before.is_some_and(|at| at > now) {
            return Claim::Ignore;
        }
        let until = now.plus_seconds(LEASE_SECONDS);
        Claim::Take(Self {
            status: Status::Running,
            fence: self.fence + 1,
            lease: Some(Lease { owner: owner.into(), until }),
            not_before: None,
            wake_at: Some(until.plus_seconds(WAKE_AFTER_LEASE_SECONDS)),
            reason: None,
            ..self.clone()
        })
    }

    /// Extends the holder's lease.
    #[must_use]
    pub fn heartbeat(&self, now: Time) -> Self {
        let until = now.plus_seconds(LEASE_SECONDS);
        let lease = self.lease.as_ref().map(|lease| Lease { owner: lease.owner.clone(), until });
        Self { lease, wake_at: Some(until.plus_seconds(WAKE_AFTER_LEASE_SECONDS)), ..self.clone() }
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

    /// Counts a failed attempt: backoff with doubling from 2 s, and parking after [`MAX_ATTEMPTS`].
    pub fn fail_attempt(&self, reason: &str, now: Time) -> (Self, AfterFailure) {
        let attempt = self.attempt + 1;
        if attempt >= MAX_ATTEMPTS {
            return (Self { attempt, ..self.park(reason, None) }, AfterFailure::Parked);
        }
        let at = now.plus_seconds(1 << attempt);
        let state = Self {
            attempt,
            not_before: Some(at),
            wake_at: Some(at),
            reason: Some(reason.into()),
            ..self.queued(now)
        };
        (state, AfterFailure::Retry)
    }

    /// Lets the task wait until the infrastructure is back: no fault of its own, so no attempt is
    /// counted.
    #[must_use]
    pub fn wait_out(&self, reason: &str, now: Time) -> Self {
        let at = now.plus_seconds(OUTAGE_SECONDS);
        Self {
            not_before: Some(at),
            wake_at: Some(at),
            reason: Some(reason.into()),
            ..self.queued(now)
        }
    }

    /// Ends the task.
    #[must_use]
    pub fn finish(&self, status: Status, reason: Option<&str>) -> Self {
        Self {
            status,
            lease: None,
            not_before: None,
            waiting: false,
            wake_at: None,
            fence: self.fence + 1,
            reason: reason.map(Into::into),
            ..self.clone()
        }
    }

    /// Cancels the task; `None` when it is over already.
    pub fn cancel(&self) -> Option<Self> {
        (!self.status.is_final())
            .then(|| self.finish(Status::Cancelled, Some("cancelled by a client")))
    }

    /// Sets the task aside, to be redriven by hand, or by the sweep at `wake_at`.
    #[must_use]
    pub fn park(&self, reason: &str, wake_at: Option<Time>) -> Self {
        Self { wake_at, ..self.finish(Status::Parked, Some(reason)) }
    }

    /// Puts a parked task back in line; `None` when it is not parked.
    pub fn redrive(&self, now: Time) -> Option<Self> {
        (self.status == Status::Parked).then(|| self.advance(self.phase, now).in_line(now))
    }

    /// What the sweep does with a task whose `wake_at` has come: a state to commit before
    /// publishing its wake-up. `None` when it is held, over, or not due.
    pub fn sweep(&self, now: Time) -> Option<Self> {
        if self.wake_at.is_none_or(|at| at > now) || self.is_leased(now) {
            return None;
        }
        match self.status {
            Status::Completed | Status::Failed | Status::Cancelled => None,
            Status::Parked => self.redrive(now),
            Status::Queued if self.waiting => Some(self.in_line(now)),
            Status::Queued | Status::Running => {
                let wake_at = Some(now.plus_seconds(WAKE_AFTER_PUBLISH_SECONDS));
                Some(Self { wake_at, ..self.clone() })
            }
        }
    }

    fn queued(&self, now: Time) -> Self {
        Self {
            status: Status::Queued,
            lease: None,
            not_before: None,
            waiting: false,
            wake_at: Some(now.plus_seconds(WAKE_AFTER_PUBLISH_SECONDS)),
            reason: None,
            ..self.clone()
        }
    }
}

/// What becomes of a task that wants to start while others of its business run and wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It starts.
    Runs,
    /// It waits in line.
    Waits,
    /// The line is as long as it may be.
    None,
}

impl Place {
    /// First come, first served: whoever finds a line joins its end, even when there is room for
    /// one more.
    pub fn behind(running: usize, waiting: usize, terms: &Terms) -> Self {
        if waiting == 0 && running < terms.max_running_tasks as usize {
            Self::Runs
        } else if waiting < terms.max_waiting_tasks as usize {
            Self::Waits
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests;
