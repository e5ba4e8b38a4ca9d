//! The faults of one world and their rates, which each seed draws.

use std::time::Duration;

use crate::dice::Dice;

/// The rate of each fault, as a share of its opportunities. A world in which everything fails at
/// once hides what a single fault breaks, so each seed leaves about half of them out.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Faults {
    /// The longest latency of a port, in milliseconds.
    pub(crate) latency_ms: u64,
    /// Commits that report a conflict and do nothing.
    pub(crate) conflict: f64,
    /// Accesses to the store that fail without an effect.
    pub(crate) away: f64,
    /// Commits that take effect and report a failure.
    pub(crate) lost_commit: f64,
    /// Watches that break off.
    pub(crate) broken_watch: f64,
    /// Messages that are accepted and never delivered.
    pub(crate) lost_message: f64,
    /// Messages that are delivered twice.
    pub(crate) repeated_message: f64,
    /// Messages that arrive minutes late, after newer ones.
    pub(crate) late_message: f64,
    /// Messages that the bus refuses.
    pub(crate) refused_message: f64,
    /// Requests to the gateway that never reach it.
    pub(crate) lost_request: f64,
    /// Answers of the gateway that never reach the caller.
    pub(crate) lost_answer: f64,
    /// Accesses at which the instance is killed.
    pub(crate) crash: f64,
    /// Accesses at which the instance freezes for minutes and then continues.
    pub(crate) freeze: f64,
    /// Attempts that a provider refuses without billing them.
    pub(crate) refused_attempt: f64,
    /// Attempts that fail in the middle and may have been billed.
    pub(crate) broken_attempt: f64,
    /// Attempts that are never answered.
    pub(crate) hanging_attempt: f64,
    /// Answers that cannot be parsed.
    pub(crate) spoilt_answer: f64,
    /// Answers that break a rule of the artefact.
    pub(crate) wrong_answer: f64,
    /// Tasks that their client cancels.
    pub(crate) cancel: f64,
    /// The largest deviation of an instance's clock, in milliseconds.
    pub(crate) skew_ms: u64,
}

impl Faults {
    pub(crate) fn draw(dice: &Dice) -> Self {
        let up_to = |most: f64| if dice.happens(0.5) { dice.share() * most } else { 0.0 };
        Self {
            latency_ms: dice.number(1..=40),
            conflict: up_to(0.15),
            away: up_to(0.06),
            lost_commit: up_to(0.12),
            broken_watch: up_to(0.2),
            lost_message: up_to(0.5),
            repeated_message: up_to(0.4),
            late_message: up_to(0.3),
            refused_message: up_to(0.3),
            lost_request: up_to(0.2),
            lost_answer: up_to(0.2),
            crash: up_to(0.02),
            freeze: up_to(0.012),
            refused_attempt: up_to(0.25),
            broken_attempt: up_to(0.15),
            hanging_attempt: up_to(0.08),
            spoilt_answer: up_to(0.2),
            wrong_answer: up_to(0.3),
            cancel: up_to(0.6),
            skew_ms: dice.number(0..=2_000),
        }
    }

    /// What remains when faults stop: latency and clock deviations.
    pub(crate) fn calm(&self) -> Self {
        Self { latency_ms: self.latency_ms.min(10), skew_ms: self.skew_ms, ..Self::default() }
    }

    /// A random latency of a port.
    pub(crate) fn latency(&self, dice: &Dice) -> Duration {
        if dice.happens(0.5) { dice.ms(0..=self.latency_ms) } else { Duration::ZERO }
    }
}
