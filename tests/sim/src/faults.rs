//! What goes wrong in one world, and how often: each seed draws its own weather.

use std::time::Duration;

use crate::dice::Dice;

/// How often each fault strikes, as a share of the occasions it has. A world in which everything
/// fails at once hides what a single fault breaks, so each seed leaves about half of them out.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Faults {
    /// The longest a port takes to answer, in milliseconds.
    pub(crate) latency_ms: u64,
    /// Commits that report a conflict and do nothing.
    pub(crate) conflict: f64,
    /// Accesses to the store that fail before they took effect.
    pub(crate) away: f64,
    /// Commits that took effect and report a failure.
    pub(crate) lost_commit: f64,
    /// Watches that break off.
    pub(crate) broken_watch: f64,
    /// Messages that are accepted and never delivered.
    pub(crate) lost_message: f64,
    /// Messages that are delivered twice.
    pub(crate) repeated_message: f64,
    /// Messages that come minutes late, after younger ones.
    pub(crate) late_message: f64,
    /// Messages that the bus refuses.
    pub(crate) refused_message: f64,
    /// Requests to the gateway that never reach it.
    pub(crate) lost_request: f64,
    /// Answers of the gateway that never reach who asked.
    pub(crate) lost_answer: f64,
    /// Accesses at which the instance dies.
    pub(crate) crash: f64,
    /// Accesses at which the instance stops for minutes and then goes on.
    pub(crate) freeze: f64,
    /// Attempts that a provider refuses without billing them.
    pub(crate) refused_attempt: f64,
    /// Attempts that fail in the middle: they may have been billed.
    pub(crate) broken_attempt: f64,
    /// Attempts that are never answered.
    pub(crate) hanging_attempt: f64,
    /// Answers that cannot be read.
    pub(crate) spoilt_answer: f64,
    /// Answers that break a rule of the artefact.
    pub(crate) wrong_answer: f64,
    /// Tasks that their client cancels.
    pub(crate) cancel: f64,
    /// How far an instance's clock is off at most, in milliseconds.
    pub(crate) skew_ms: u64,
}

impl Faults {
    /// The weather of a world.
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

    /// What is left when faults stop: ports still take their time, clocks are still off.
    pub(crate) fn calm(&self) -> Self {
        Self { latency_ms: self.latency_ms.min(10), skew_ms: self.skew_ms, ..Self::default() }
    }

    /// How long a port takes.
    pub(crate) fn latency(&self, dice: &Dice) -> Duration {
        if dice.happens(0.5) { dice.ms(0..=self.latency_ms) } else { Duration::ZERO }
    }
}
