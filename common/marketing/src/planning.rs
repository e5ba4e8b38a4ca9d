//! How many tokens the steps of an analysis read and write: planning figures as data
//! (`data/steps.toml`).

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::artefact::Kind;

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
    /// Name of the step.
    pub name: String,
    /// Artefacts its prompt carries, where they exist.
    pub reads: Vec<Kind>,
    /// The artefact its answer becomes, or a part of it.
    pub writes: Kind,
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
    step: Vec<StepFigures>,
}

/// The figures of every step that calls a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planning {
    steps: BTreeMap<String, StepFigures>,
    /// Share of a repeated prompt that a provider's cache may hold, in percent.
    pub cached: u64,
    /// What a list of edits takes, in percent of the answer it changes.
    pub edits: u64,
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
    fn bundled() -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(include_str!("../data/steps.toml"))?;
        let steps = file.step.into_iter().map(|step| (step.name.clone(), step)).collect();
        Ok(Self { steps, cached: file.cached.min(100), edits: file.edits })
    }

    /// The figures of a step; `None` for one that calls no model.
    pub fn step(&self, name: &str) -> Option<&StepFigures> {
        self.steps.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phase::Phase;

    #[test]
    fn exactly_the_steps_that_call_a_model_have_figures() {
        let planning = Planning::bundled().unwrap();
        let calling = Phase::ALL.into_iter().flat_map(Phase::steps).filter(|step| step.calls > 0);
        let names: Vec<&str> = calling.map(|step| step.name).collect();
        assert!(names.iter().all(|name| planning.step(name).is_some()), "{names:?}");
        assert_eq!(names.len(), planning.steps.len());
    }

    #[test]
    fn an_answer_grows_with_what_it_lists() {
        let size = AnswerSize { fixed: 100, icp: 10, goal: 1, ..AnswerSize::default() };
        assert_eq!(size.tokens(&Counts { icps: 3, goals: 2, items: 12, ..Counts::default() }), 132);
    }

    #[test]
    fn every_answer_and_its_edits_fit_their_task_types_bounds_at_the_largest_counts() {
        let (planning, types) =
            (Planning::bundled().unwrap(), domain::task_type::TaskTypes::bundled().unwrap());
        let most = Counts { icps: 9, items: 12, competitors: 6, goals: 6, documents: 10 };
        for step in Phase::ALL.into_iter().flat_map(Phase::steps) {
            let Some(task_type) = step.task_type.map(|name| types.get(name).unwrap()) else {
                continue;
            };
            let answer = planning.step(step.name).unwrap().answer.tokens(&most);
            let thought = types.reasoning(task_type.effort.of(domain::catalog::Role::Mini));
            assert!(
                answer + thought <= task_type.max_output_tokens,
                "{}: {answer} + {thought}",
                step.name
            );
            let edits = answer * planning.edits / 100;
            assert!(
                edits + thought <= types.edits_bound(task_type),
                "{}: {edits} + {thought}",
                step.name
            );
        }
    }
}
