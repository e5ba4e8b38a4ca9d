//! The phases of an analysis, their steps, and how much of the progress each stands for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::EventKind;

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
    /// In their order.
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

    /// Its share of the whole, in percent.
    pub fn weight(self) -> u32 {
        self.steps().iter().map(|step| step.weight).sum()
    }

    /// Percent complete when the phase begins.
    pub fn starts_at(self) -> u32 {
        Self::ALL.iter().take_while(|phase| **phase < self).map(|phase| phase.weight()).sum()
    }

    /// Its steps, in their order.
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Research => &RESEARCH,
            Self::Strategy => &STRATEGY,
            Self::Campaign => &CAMPAIGN,
            Self::Analytics => &ANALYTICS,
        }
    }
}

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text).ok_or(UnknownPhase)
    }
}

/// One step of a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Name, unique over all phases.
    pub name: &'static str,
    /// Its share of the whole, in percent.
    pub weight: u32,
    /// Task type of its model call; `None` for steps computed in code.
    pub task_type: Option<&'static str>,
    /// How many model calls it makes.
    pub calls: u32,
    /// The progress event it is reported with.
    pub event: EventKind,
}

const fn step(
    name: &'static str,
    weight: u32,
    event: EventKind,
    task_type: &'static str,
    calls: u32,
) -> Step {
    Step { name, weight, task_type: Some(task_type), calls, event }
}

const fn computed(name: &'static str, weight: u32, event: EventKind) -> Step {
    Step { name, weight, task_type: None, calls: 0, event }
}

const RESEARCH: [Step; 5] = [
    computed("intake", 1, EventKind::IntakeProgress),
    step("evidence", 7, EventKind::ResearchProgress, "evidence_summarization", 1),
    step("situation_analysis", 8, EventKind::ResearchProgress, "situation_analysis", 1),
    step("competitor_ladder", 8, EventKind::ResearchProgress, "competitor_intelligence", 1),
    step("sostac_opening", 6, EventKind::SostacProgress, "sostac_analysis", 1),
];

const STRATEGY: [Step; 5] = [
    step("positioning", 12, EventKind::PositioningProgress, "positioning_strategy", 1),
    step("icps", 9, EventKind::IcpProgress, "icp_generation", 1),
    step("north_star", 5, EventKind::StrategyProgress, "north_star_metrics", 1),
    step("marketing_7ps", 6, EventKind::StrategyProgress, "7ps_marketing_mix", 1),
    step("sostac_plan", 6, EventKind::SostacProgress, "sostac_analysis", 1),
];

const CAMPAIGN: [Step; 2] = [
    step("content_calendar", 15, EventKind::ContentProgress, "content_calendar_creation", 3),
    step("asset_briefs", 7, EventKind::ContentProgress, "campaign_brief_writing", 1),
];

const ANALYTICS: [Step; 4] = [
    step("amec", 5, EventKind::AnalyticsProgress, "amec_roi_analysis", 1),
    computed("clv", 1, EventKind::AnalyticsProgress),
    computed("route_back", 1, EventKind::AnalyticsProgress),
    computed("report", 3, EventKind::AnalyticsProgress),
];

/// The step of a name, and its phase.
pub fn step_named(name: &str) -> Option<(Phase, &'static Step)> {
    Phase::ALL.into_iter().find_map(|phase| {
        let step = phase.steps().iter().find(|step| step.name == name)?;
        Some((phase, step))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_sum_to_a_hundred() {
        let weights = Phase::ALL.map(Phase::weight);
        assert_eq!(weights, [30, 38, 22, 10]);
        assert_eq!(Phase::ALL.map(Phase::starts_at), [0, 30, 68, 90]);
    }

    #[test]
    fn every_step_that_calls_a_model_has_a_known_task_type() {
        let types = crate::task_type::TaskTypes::bundled().unwrap();
        for step in Phase::ALL.into_iter().flat_map(Phase::steps) {
            assert_eq!(step.task_type.is_some(), step.calls > 0, "{}", step.name);
            assert!(step.task_type.is_none_or(|name| types.get(name).is_ok()), "{}", step.name);
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
