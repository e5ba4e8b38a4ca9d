//! The steps of an analysis: one table that says of each step all that other code decides by.
//!
//! What a step asks a model is in `marketing::prompts`, what the simulation answers in
//! `simulation::drafts`, and what the engine does in `workflow::phases`: each is one `match` over
//! [`Step`], so that a new step does not compile until all three know it. Figures that people tune
//! are in `common/marketing/data/steps.toml`, keyed by the step's name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{artefact::Kind, event::EventKind, phase::Phase};

/// A step of an analysis, in the order of running.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Chooses the passages of the knowledge base that the run reads.
    Intake,
    /// Claims with quotes from the documents.
    Evidence,
    /// The market, and the strengths and weaknesses of the business.
    SituationAnalysis,
    /// Who stands where in the buyer's mind.
    CompetitorLadder,
    /// Situation and objectives of the plan.
    SostacOpening,
    /// Three options of a position, one of them selected.
    Positioning,
    /// Ideal customer profiles.
    Icps,
    /// The north-star metric.
    NorthStar,
    /// The marketing mix.
    #[serde(rename = "marketing_7ps")]
    Marketing7ps,
    /// Strategy, tactics, action and control of the plan.
    SostacPlan,
    /// Twelve weeks of content.
    ContentCalendar,
    /// Creative briefs for the calendar's hero items.
    AssetBriefs,
    /// How effects are measured.
    Amec,
    /// Customer lifetime value.
    Clv,
    /// Decides whether an earlier step is repeated.
    RouteBack,
    /// The report of the run.
    Report,
}

/// What the table says of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepInfo {
    /// The step that the entry describes.
    pub step: Step,
    /// Its name in stored documents, events, call keys and data files; unique, and never changed.
    pub name: &'static str,
    /// The phase that runs it.
    pub phase: Phase,
    /// Its share of the whole analysis, in percent.
    pub weight: u32,
    /// The progress event it is reported with.
    pub event: EventKind,
    /// The steps it builds on: it is repeated when one of them is.
    pub after: &'static [Step],
    /// The step that runs at the same time; named by the later of the two.
    pub parallel_with: Option<Step>,
    /// The artefacts it writes; the first is the one its answer becomes.
    pub writes: &'static [Kind],
    /// Its model calls; `None` for a step that code computes.
    pub model: Option<ModelWork>,
}

/// The model calls of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModelWork {
    /// Task type that routes its calls (`data/tasks.toml`).
    pub task_type: &'static str,
    /// How many calls it makes, before any critique or repair.
    pub calls: u32,
    /// Artefacts that its prompt carries, where they exist, in this order.
    pub reads: &'static [Kind],
    /// Whether an answer of a model that the tier capped is criticised once.
    pub critique: bool,
}

const fn one_call(task_type: &'static str, reads: &'static [Kind]) -> ModelWork {
    ModelWork { task_type, calls: 1, reads, critique: true }
}

/// The table, in the order of running.
const STEPS: [StepInfo; 16] = [
    StepInfo {
        step: Step::Intake,
        name: "intake",
        phase: Phase::Research,
        weight: 1,
        event: EventKind::IntakeProgress,
        after: &[],
        parallel_with: None,
        writes: &[],
        model: None,
    },
    StepInfo {
        step: Step::Evidence,
        name: "evidence",
        phase: Phase::Research,
        weight: 7,
        event: EventKind::ResearchProgress,
        after: &[Step::Intake],
        parallel_with: None,
        writes: &[Kind::Evidence],
        model: Some(one_call("evidence_summarization", &[])),
    },
    StepInfo {
        step: Step::SituationAnalysis,
        name: "situation_analysis",
        phase: Phase::Research,
        weight: 8,
        event: EventKind::ResearchProgress,
        after: &[Step::Evidence],
        parallel_with: None,
        writes: &[Kind::SituationAnalysis],
        model: Some(one_call("situation_analysis", &[Kind::Evidence])),
    },
    StepInfo {
        step: Step::CompetitorLadder,
        name: "competitor_ladder",
        phase: Phase::Research,
        weight: 8,
        event: EventKind::ResearchProgress,
        after: &[Step::Evidence],
        parallel_with: Some(Step::SituationAnalysis),
        writes: &[Kind::CompetitorLadder],
        model: Some(one_call("competitor_intelligence", &[Kind::Evidence])),
    },
    StepInfo {
        step: Step::SostacOpening,
        name: "sostac_opening",
        phase: Phase::Research,
        weight: 6,
        event: EventKind::SostacProgress,
        after: &[Step::SituationAnalysis, Step::CompetitorLadder],
        parallel_with: None,
        writes: &[Kind::Sostac],
        model: Some(one_call(
            "sostac_analysis",
            &[Kind::Evidence, Kind::SituationAnalysis, Kind::CompetitorLadder],
        )),
    },
    StepInfo {
        step: Step::Positioning,
        name: "positioning",
        phase: Phase::Strategy,
        weight: 12,
        event: EventKind::PositioningProgress,
        after: &[Step::SostacOpening],
        parallel_with: None,
        writes: &[Kind::Positioning],
        model: Some(one_call(
            "positioning_strategy",
            &[Kind::Evidence, Kind::SituationAnalysis, Kind::CompetitorLadder, Kind::Sostac],
        )),
    },
    StepInfo {
        step: Step::Icps,
        name: "icps",
        phase: Phase::Strategy,
        weight: 9,
        event: EventKind::IcpProgress,
        after: &[Step::Positioning],
        parallel_with: None,
        writes: &[Kind::Icps],
        model: Some(one_call(
            "icp_generation",
            &[Kind::Evidence, Kind::SituationAnalysis, Kind::CompetitorLadder, Kind::Positioning],
        )),
    },
    StepInfo {
        step: Step::NorthStar,
        name: "north_star",
        phase: Phase::Strategy,
        weight: 5,
        event: EventKind::StrategyProgress,
        after: &[Step::Icps],
        parallel_with: None,
        writes: &[Kind::NorthStar],
        model: Some(one_call("north_star_metrics", &[Kind::Sostac, Kind::Positioning, Kind::Icps])),
    },
    StepInfo {
        step: Step::Marketing7ps,
        name: "marketing_7ps",
        phase: Phase::Strategy,
        weight: 6,
        event: EventKind::StrategyProgress,
        after: &[Step::Icps, Step::NorthStar],
        parallel_with: None,
        writes: &[Kind::Marketing7ps],
        model: Some(one_call(
            "7ps_marketing_mix",
            &[
                Kind::Evidence,
                Kind::CompetitorLadder,
                Kind::Sostac,
                Kind::Positioning,
                Kind::Icps,
                Kind::NorthStar,
            ],
        )),
    },
    StepInfo {
        step: Step::SostacPlan,
        name: "sostac_plan",
        phase: Phase::Strategy,
        weight: 6,
        event: EventKind::SostacProgress,
        after: &[Step::SostacOpening, Step::Icps, Step::NorthStar, Step::Marketing7ps],
        parallel_with: None,
        writes: &[Kind::Sostac],
        model: Some(one_call(
            "sostac_analysis",
            &[
                Kind::Evidence,
                Kind::Sostac,
                Kind::Positioning,
                Kind::Icps,
                Kind::NorthStar,
                Kind::Marketing7ps,
            ],
        )),
    },
    StepInfo {
        step: Step::ContentCalendar,
        name: "content_calendar",
        phase: Phase::Campaign,
        weight: 15,
        event: EventKind::ContentProgress,
        after: &[Step::SostacPlan],
        parallel_with: None,
        writes: &[Kind::ContentCalendar],
        model: Some(ModelWork {
            task_type: "content_calendar_creation",
            calls: 3,
            reads: &[Kind::Evidence, Kind::Sostac, Kind::Positioning, Kind::Icps, Kind::NorthStar],
            critique: true,
        }),
    },
    StepInfo {
        step: Step::AssetBriefs,
        name: "asset_briefs",
        phase: Phase::Campaign,
        weight: 7,
        event: EventKind::ContentProgress,
        after: &[Step::ContentCalendar],
        parallel_with: None,
        // The calendar is written again with the ids of the briefs.
        writes: &[Kind::AssetBriefs, Kind::ContentCalendar],
        model: Some(one_call(
            "campaign_brief_writing",
            &[
                Kind::Evidence,
                Kind::Sostac,
                Kind::Positioning,
                Kind::Icps,
                Kind::NorthStar,
                Kind::ContentCalendar,
            ],
        )),
    },
    StepInfo {
        step: Step::Amec,
        name: "amec",
        phase: Phase::Analytics,
        weight: 5,
        event: EventKind::AnalyticsProgress,
        after: &[Step::SostacPlan, Step::AssetBriefs],
        parallel_with: None,
        writes: &[Kind::Amec],
        model: Some(one_call(
            "amec_roi_analysis",
            &[Kind::Sostac, Kind::Positioning, Kind::Icps, Kind::NorthStar, Kind::ContentCalendar],
        )),
    },
    StepInfo {
        step: Step::Clv,
        name: "clv",
        phase: Phase::Analytics,
        weight: 1,
        event: EventKind::AnalyticsProgress,
        after: &[Step::Intake],
        parallel_with: None,
        writes: &[Kind::Clv],
        model: None,
    },
    StepInfo {
        step: Step::RouteBack,
        name: "route_back",
        phase: Phase::Analytics,
        weight: 1,
        event: EventKind::AnalyticsProgress,
        after: &[Step::Amec, Step::Clv],
        parallel_with: None,
        writes: &[],
        model: None,
    },
    StepInfo {
        step: Step::Report,
        name: "report",
        phase: Phase::Analytics,
        weight: 3,
        event: EventKind::AnalyticsProgress,
        after: &[Step::RouteBack],
        parallel_with: None,
        writes: &[Kind::RunReport],
        model: None,
    },
];

/// A text that names no step.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a step")]
pub struct UnknownStep(String);

impl Step {
    /// Every step, in the order of running.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + Clone {
        STEPS.iter().map(|info| info.step)
    }

    /// What the table says of it. A test holds that the table follows the order of the enum.
    pub fn info(self) -> &'static StepInfo {
        &STEPS[self as usize]
    }

    /// The name under which the step is stored.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Its model calls; `None` for a step that code computes.
    pub fn model(self) -> Option<&'static ModelWork> {
        self.info().model.as_ref()
    }

    /// The task type of its model calls; empty for a step that code computes.
    pub fn task_type(self) -> &'static str {
        self.model().map_or("", |model| model.task_type)
    }

    /// The artefacts that its prompt carries.
    pub fn reads(self) -> &'static [Kind] {
        self.model().map_or(&[], |model| model.reads)
    }

    /// The step that first writes an artefact.
    pub fn writer_of(kind: Kind) -> Option<Self> {
        Self::all().find(|step| step.info().writes.contains(&kind))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(name: &str) -> Result<Self, UnknownStep> {
        Self::all().find(|step| step.name() == name).ok_or_else(|| UnknownStep(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_follows_the_order_of_the_enum() {
        for (index, info) in STEPS.iter().enumerate() {
            assert_eq!(info.step as usize, index, "{}", info.name);
        }
    }

    #[test]
    fn names_are_the_same_in_json_and_text() {
        for step in Step::all() {
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert_eq!("design".parse::<Step>(), Err(UnknownStep("design".into())));
    }

    #[test]
    fn steps_build_only_on_earlier_ones() {
        for step in Step::all() {
            let info = step.info();
            assert!(info.after.iter().all(|earlier| *earlier < step), "{step}");
            assert!(info.parallel_with.is_none_or(|other| !info.after.contains(&other)), "{step}");
            let written = Step::all().take_while(|earlier| *earlier < step);
            let written: Vec<Kind> =
                written.flat_map(|earlier| earlier.info().writes).copied().collect();
            assert!(step.reads().iter().all(|kind| written.contains(kind)), "{step}");
        }
    }

    #[test]
    fn phases_follow_each_other() {
        let phases: Vec<Phase> = Step::all().map(|step| step.info().phase).collect();
        assert!(phases.is_sorted());
        for (earlier, later) in Step::all().zip(Step::all().skip(1)) {
            let parallel = later.info().parallel_with;
            assert!(
                parallel.is_none_or(|other| other == earlier),
                "{later} runs beside {parallel:?}"
            );
        }
    }

    #[test]
    fn every_model_step_has_a_known_task_type() {
        let types = crate::task_type::TaskTypes::bundled().unwrap();
        for step in Step::all().filter(|step| step.model().is_some()) {
            assert!(types.get(step.task_type()).is_ok(), "{step}");
            assert!(!step.info().writes.is_empty(), "{step}");
        }
    }
}
