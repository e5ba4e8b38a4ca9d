//! What a whole analysis is expected to cost: every step of every phase, routed as it would be today.

use domain::{
    NanoUsd,
    catalog::Capability,
    estimate::{CostRange, Estimate, estimate as estimate_call},
    phase::{Phase, Step},
    routing::{Evidence, RouteError, RouteRequest, route},
    rulebook::Rulebook,
    task_type::TaskType,
    tier::Terms,
    tokens,
};
use jiff::civil::Date;

use crate::documents::TaskInput;

/// Repairs, retries and critique rounds add about this share to a planned run (percent).
const REPAIR_PERCENT: i64 = 35;

/// The estimate of one step.
#[derive(Clone, PartialEq, Debug)]
pub struct StepEstimate {
    /// Phase it belongs to.
    pub phase: Phase,
    /// Name of the step.
    pub step: &'static str,
    /// How many calls it makes.
    pub calls: u32,
    /// One call of it.
    pub call: Estimate,
    /// Bound of one call: what is held while it runs.
    pub hold: NanoUsd,
    /// All its calls.
    pub cost: CostRange,
    /// Why this model.
    pub reason: String,
}

/// The estimate of an analysis.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Steps that call a model, in their order.
    pub steps: Vec<StepEstimate>,
}

impl Plan {
    /// The whole run, repairs included in expected and high.
    pub fn total(&self) -> CostRange {
        let sum = self.steps.iter().fold(CostRange::default(), |sum, step| sum + step.cost);
        let with_repairs = |cost: NanoUsd| cost.scaled(100 + REPAIR_PERCENT, 100);
        CostRange { low: sum.low, expected: sum.expected, high: with_repairs(sum.high) }
    }

    /// What a task reserves: its high estimate plus the largest amount that its steps hold at once.
    pub fn grant(&self) -> NanoUsd {
        let concurrent = self.steps.iter().map(|step| step.hold.scaled(i64::from(step.calls.max(1)), 1));
        self.total().high + concurrent.max().unwrap_or_default()
    }
}

/// Estimates an analysis under a tier on a day.
pub fn estimate(rules: &Rulebook, terms: &Terms, input: &TaskInput, today: Date) -> Result<Plan, RouteError> {
    // The brief and its documents travel with every step, beside what the planning figures count.
    let brief_chars = serde_json::to_string(&input.brief).map_or(0, |text| text.len() as u64);
    let mut steps = Vec::new();
    for phase in Phase::ALL {
        for step in phase.steps() {
            if let Some(name) = step.task_type {
                let task_type = rules.task_types.get(name)?;
                steps.push(estimate_step(rules, terms, (phase, step, task_type), brief_chars, today)?);
            }
        }
    }
    Ok(Plan { steps })
}

fn estimate_step(
    rules: &Rulebook,
    terms: &Terms,
    (phase, step, task_type): (Phase, &'static Step, &TaskType),
    brief_chars: u64,
    today: Date,
) -> Result<StepEstimate, RouteError> {
    let input_tokens = task_type.input_tokens + tokens::expected(brief_chars);
    let request = RouteRequest {
        task_type: &task_type.name,
        model: None,
        complexity: None,
        terms,
        allow_downgrade: true,
        // A byte may be a token: what a hold is priced on before anybody has counted.
        input_tokens: input_tokens * 4,
        counted_tokens: None,
        max_output_tokens: None,
        effort: None,
        needs: &[Capability::StructuredOutput],
        max_searches: 0,
        evidence: Evidence::default(),
        today,
    };
    let route = route(rules, &request)?;
    let candidate = route.chain.first().ok_or_else(|| RouteError::NotCapable(task_type.name.clone()))?;
    let call = estimate_call(&route, candidate, task_type, input_tokens);
    // A capped complex step runs one critique round: twice the calls.
    let rounds = i64::from(step.calls) * if route.downgraded { 2 } else { 1 };
    let times = |cost: NanoUsd| cost.scaled(rounds, 1);
    let full_output = candidate.model.price.cost(&domain::usage::Usage::of(input_tokens, candidate.max_output_tokens));
    let cost = CostRange { low: times(call.cost.low), expected: times(call.cost.expected), high: times(full_output) };
    Ok(StepEstimate {
        phase,
        step: step.name,
        calls: step.calls,
        hold: candidate.bound,
        call,
        cost,
        reason: route.reason.clone(),
    })
}
