//! What a call is expected to cost, before it is made.

use serde::Serialize;

use crate::{
    NanoUsd,
    catalog::Complexity,
    routing::{Candidate, Route},
    task_type::{TaskType, TaskTypes},
    usage::Usage,
};

/// Output that a call needs at least, as a share of its planned output (percent).
pub const LOW_PERCENT: u64 = 50;

/// A cost with its spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct CostRange {
    /// When the answer is short.
    pub low: NanoUsd,
    /// As planned.
    pub expected: NanoUsd,
    /// The bound that is reserved: the call never costs more.
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
    /// Class it would be served as.
    pub complexity: Complexity,
    /// Model that would serve it.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// Expected input tokens.
    pub input_tokens: u64,
    /// Expected output tokens.
    pub output_tokens: u64,
    /// What it would cost.
    pub cost: CostRange,
}

/// What a call is planned to consume, in tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Input.
    pub input: u64,
    /// The answer alone.
    pub answer: u64,
    /// Reasoning, which is billed as output.
    pub reasoning: u64,
}

impl Planned {
    /// The planning figures of a task type at a candidate's effort, for `input` tokens.
    pub fn of(types: &TaskTypes, task_type: &TaskType, candidate: &Candidate, input: u64) -> Self {
        let reasoning = candidate.effort.map_or(0, |effort| types.reasoning(effort));
        Self { input, answer: task_type.output_tokens, reasoning }
    }
}

/// Estimates a candidate of a route; output stays within the bound that is sent.
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
