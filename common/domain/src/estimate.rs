//! The expected cost of a call before it is made.

use serde::Serialize;

use crate::{
    NanoUsd,
    catalog::Complexity,
    routing::{Candidate, Route},
    task_type::{TaskType, TaskTypes},
    usage::Usage,
};

/// The least output of a call, as a percentage of its planned output.
pub const LOW_PERCENT: u64 = 50;

/// An expected cost with its lower and upper bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct CostRange {
    /// Cost of a short answer.
    pub low: NanoUsd,
    /// Cost of the planned answer.
    pub expected: NanoUsd,
    /// The bound that is reserved; the call never costs more.
    pub high: NanoUsd,
}

impl std::ops::Add for CostRange {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            expected: self.expected + other.expected,
            high: self.high + other.high,
        }
    }
}

/// The estimate of one call on one model.
#[derive(Clone, PartialEq, Debug)]
pub struct Estimate {
    /// The class that the call would be served as.
    pub complexity: Complexity,
    /// The model that would serve it.
    pub model: String,
    /// The model's provider.
    pub provider: String,
    /// Expected input tokens.
    pub input_tokens: u64,
    /// Expected output tokens.
    pub output_tokens: u64,
    /// The expected cost with its bounds.
    pub cost: CostRange,
}

/// The planned usage of a call, in tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Input tokens.
    pub input: u64,
    /// Output tokens of the answer, without reasoning.
    pub answer: u64,
    /// Reasoning tokens, which are billed as output.
    pub reasoning: u64,
}

impl Planned {
    /// The planned usage of a task type at a candidate's effort, for `input` tokens.
    pub fn of(types: &TaskTypes, task_type: &TaskType, candidate: &Candidate, input: u64) -> Self {
        let reasoning = candidate.effort.map_or(0, |effort| types.reasoning(effort));
        Self { input, answer: task_type.output_tokens, reasoning }
    }
}

/// Estimates a candidate of a route; output is capped at the bound that is sent to the provider.
pub fn estimate(route: &Route, candidate: &Candidate, planned: Planned) -> Estimate {
    let output_tokens = (planned.answer + planned.reasoning).min(candidate.max_output_tokens);
    let cost_of = |output: u64| candidate.model.price.cost(&Usage::of(planned.input, output));
    let expected = cost_of(output_tokens);
    Estimate {
        complexity: route.complexity,
        model: candidate.model.id.clone(),
        provider: candidate.model.provider.clone(),
        input_tokens: planned.input,
        output_tokens,
        cost: CostRange {
            low: cost_of(output_tokens * LOW_PERCENT / 100),
            expected,
            high: candidate.bound.max(expected),
        },
    }
}
