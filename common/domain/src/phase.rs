//! The phases of an analysis, and how much of the progress each stands for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::step::Step;

/// One phase; each is a function of its own, woken by its topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Evidence, situation, competitors.
    Research,
    /// Positioning, profiles, plan.
    Strategy,
    /// Calendar and briefs.
    Campaign,
    /// Measurement, economics, report.
    Analytics,
}

/// A name no phase has.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("unknown phase")]
pub struct UnknownPhase;

impl Phase {
    /// All phases, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Research, Self::Strategy, Self::Campaign, Self::Analytics];

    /// The phase's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Research => "research",
            Self::Strategy => "strategy",
            Self::Campaign => "campaign",
            Self::Analytics => "analytics",
        }
    }

    /// The topic that wakes it.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Research => "phase-research",
            Self::Strategy => "phase-strategy",
            Self::Campaign => "phase-campaign",
            Self::Analytics => "phase-analytics",
        }
    }

    /// The phase after it.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Research => Some(Self::Strategy),
            Self::Strategy => Some(Self::Campaign),
            Self::Campaign => Some(Self::Analytics),
            Self::Analytics => None,
        }
    }

    /// Its share of the whole analysis, in percent.
    pub fn weight(self) -> u32 {
        self.steps().map(|step| step.info().weight).sum()
    }

    /// Percent complete when the phase begins.
    pub fn starts_at(self) -> u32 {
        Self::ALL.iter().take_while(|phase| **phase < self).map(|phase| phase.weight()).sum()
    }

    /// The step it begins with.
    pub fn first_step(self) -> Step {
        match self {
            Self::Research => Step::Intake,
            Self::Strategy => Step::Positioning,
            Self::Campaign => Step::ContentCalendar,
            Self::Analytics => Step::Amec,
        }
    }

    /// Its steps, in the order of running.
    pub fn steps(self) -> impl Iterator<Item = Step> + Clone {
        Step::all().filter(move |step| step.info().phase == self)
    }
}

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text).ok_or(UnknownPhase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_sum_to_a_hundred() {
        let weights = Phase::ALL.map(Phase::weight);
        assert_eq!(weights, [30, 38, 22, 10]);
        assert_eq!(Phase::ALL.map(Phase::starts_at), [0, 30, 68, 90]);
        for phase in Phase::ALL {
            assert_eq!(phase.steps().next(), Some(phase.first_step()));
        }
    }

    #[test]
    fn phases_are_found_by_their_names() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
        assert_eq!("design".parse::<Phase>(), Err(UnknownPhase));
    }
}
