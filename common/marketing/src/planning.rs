//! How many tokens the steps of an analysis read and write: planning figures as data
//! (`data/steps.toml`).

use std::{collections::BTreeMap, sync::LazyLock};

use domain::step::Step;
use serde::Deserialize;

/// How many of each counted thing an analysis has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Customer profiles.
    pub icps: u64,
    /// Calendar items of one call.
    pub items: u64,
    /// Competitors the client named.
    pub competitors: u64,
    /// Goals of the client.
    pub goals: u64,
    /// Documents the client supplied.
    pub documents: u64,
}

/// Size of an answer in tokens: a fixed part and one for each thing it lists.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerSize {
    /// Whatever is listed.
    pub fixed: u64,
    /// For each customer profile.
    #[serde(default)]
    pub icp: u64,
    /// For each calendar item.
    #[serde(default)]
    pub item: u64,
    /// For each named competitor.
    #[serde(default)]
    pub competitor: u64,
    /// For each goal.
    #[serde(default)]
    pub goal: u64,
    /// For each document.
    #[serde(default)]
    pub document: u64,
}

impl AnswerSize {
    /// The tokens of an answer for these counts.
    pub fn tokens(&self, counts: &Counts) -> u64 {
        self.fixed
            + self.icp * counts.icps
            + self.item * counts.items
            + self.competitor * counts.competitors
            + self.goal * counts.goals
            + self.document * counts.documents
    }
}

/// The figures of one step.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFigures {
    /// What it writes, for each of its calls.
    pub answer: AnswerSize,
    /// Size of the artefact in percent of the answer.
    pub kept: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cached: u64,
    edits: u64,
    step: BTreeMap<Step, StepFigures>,
}

/// The figures of every step that calls a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planning {
    steps: BTreeMap<Step, StepFigures>,
    /// Share of a repeated prompt that a provider's cache may hold, in percent.
    pub cached: u64,
    /// What a list of edits takes, in percent of the answer it changes.
    pub edits: u64,
}

/// Why planning figures are refused.
#[derive(Debug, thiserror::Error)]
enum InvalidPlanning {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error("the step `{0}` has no figures")]
    Missing(Step),
    #[error("the step `{0}` calls no model and needs no figures")]
    CallsNoModel(Step),
}

/// The figures this build ships.
#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
pub fn planning() -> &'static Planning {
    static BUNDLED: LazyLock<Planning> =
        LazyLock::new(|| Planning::bundled().expect("data/steps.toml can be read"));
    &BUNDLED
}

impl Planning {
    /// Reads the file that this build ships.
    fn bundled() -> Result<Self, InvalidPlanning> {
        Self::parse(include_str!("../data/steps.toml"))
    }

    fn parse(text: &str) -> Result<Self, InvalidPlanning> {
        let File { cached, edits, step: steps } = toml::from_str(text)?;
        for step in Step::all() {
            match (step.model(), steps.get(&step)) {
                (Some(_), None) => return Err(InvalidPlanning::Missing(step)),
                (None, Some(_)) => return Err(InvalidPlanning::CallsNoModel(step)),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(Self { steps, cached: cached.min(100), edits })
    }

    /// The figures of a step; `None` for one that calls no model.
    pub fn step(&self, step: Step) -> Option<&StepFigures> {
        self.steps.get(&step)
    }
}

#[cfg(test)]
mod tests {
    use domain::task_type::TaskTypes;

    use super::*;

    #[test]
    fn figures_are_checked_against_the_table_of_steps() {
        assert!(Planning::bundled().is_ok());
        let text = include_str!("../data/steps.toml");
        let refused = |text: &str| Planning::parse(text).unwrap_err().to_string();
        let renamed = text.replace("[step.amec]", "[step.evidence_2]");
        assert!(refused(&renamed).contains("evidence_2"), "{}", refused(&renamed));
        let (before, _) = text.split_once("[step.amec]").unwrap();
        assert_eq!(refused(before), "the step `amec` has no figures");
        let clv = format!("{text}\n[step.clv]\nanswer = {{ fixed = 1 }}\nkept = 100\n");
        assert_eq!(refused(&clv), "the step `clv` calls no model and needs no figures");
    }

    #[test]
    fn an_answer_grows_with_what_it_lists() {
        let size = AnswerSize { fixed: 100, icp: 10, goal: 1, ..AnswerSize::default() };
        assert_eq!(size.tokens(&Counts { icps: 3, goals: 2, items: 12, ..Counts::default() }), 132);
    }

    #[test]
    fn the_largest_answers_and_edits_fit_their_bounds() {
        let (planning, types) = (Planning::bundled().unwrap(), TaskTypes::bundled().unwrap());
        let most = Counts { icps: 9, items: 12, competitors: 6, goals: 6, documents: 10 };
        for step in Step::all().filter(|step| step.model().is_some()) {
            let task_type = types.get(step.task_type()).unwrap();
            let answer = planning.step(step).unwrap().answer.tokens(&most);
            let thought = types.reasoning(task_type.effort.of(domain::catalog::Role::Mini));
            assert!(
                answer + thought <= task_type.max_output_tokens,
                "{step}: {answer} + {thought}"
            );
            let edits = answer * planning.edits / 100;
            assert!(edits + thought <= types.edits_bound(task_type), "{step}: {edits} + {thought}");
        }
    }
}
