//! What a whole analysis is expected to cost: every step of every phase, routed as it would be
//! today.
//!
//! A step's prompt is rendered as far as it is known before the run; the artefacts it will carry,
//! and its answer, are sized by `marketing::planning`. What the run does beyond one answer per call is
//! counted as well: a capped complex step is criticised once, and an answer that breaks rules is
//! repaired as often as the quality table expects, both by edits.

use std::collections::BTreeMap;

use domain::{
    NanoUsd,
    catalog::{Capability, Role},
    estimate::{CostRange, Estimate, LOW_PERCENT, Planned, estimate as estimate_call},
    phase::Phase,
    routing::{Candidate, Evidence, Route, RouteError, RouteRequest, route},
    rulebook::Rulebook,
    step::{ModelWork, Step},
    task_type::TaskType,
    tier::Terms,
    usage::Usage,
};
use jiff::civil::Date;
use marketing::{
    artefact::{Kind, PriorArtefacts, content_calendar::items_per_week, passage},
    planning::{Counts, planning},
    prompts,
};

use crate::documents::TaskInput;

/// Repairs, retries and critique rounds may add this share to the bound of a planned run (percent).
const REPAIR_PERCENT: i64 = 35;
/// Weeks that one call of the calendar writes.
const WEEKS_PER_CALL: u64 = 4;
/// Tokens that ask for a repair or a critique, beside the conversation so far.
pub(crate) const REQUEST_TOKENS: u64 = 320;

/// The estimate of one step.
#[derive(Clone, PartialEq, Debug)]
pub struct StepEstimate {
    /// Phase it belongs to.
    pub phase: Phase,
    /// The step that is estimated.
    pub step: Step,
    /// How many calls it makes, before any critique or repair.
    pub calls: u32,
    /// One call of it.
    pub call: Estimate,
    /// Bound of one call: what is held while it runs.
    pub hold: NanoUsd,
    /// The cost of all its calls.
    pub cost: CostRange,
    /// The expected cost when critiques and repairs find their prompt in the provider's cache.
    pub cached: NanoUsd,
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
    /// The whole run. `low` is short answers, prompts of repeats from the cache, and nothing to
    /// repair; `expected` counts the repairs that the quality table expects; `high` is every bound
    /// met, and repairs.
    pub fn total(&self) -> CostRange {
        let sum = self.steps.iter().fold(CostRange::default(), |sum, step| sum + step.cost);
        let with_repairs = |cost: NanoUsd| cost.scaled(100 + REPAIR_PERCENT, 100);
        CostRange { low: sum.low, expected: sum.expected, high: with_repairs(sum.high) }
    }

    /// What `total().expected` becomes when the provider's cache holds what the repeats of a step
    /// share.
    pub fn cached(&self) -> NanoUsd {
        self.steps.iter().map(|step| step.cached).sum()
    }

    /// What a task reserves: its high estimate plus the largest amount that its steps hold at once.
    pub fn grant(&self) -> NanoUsd {
        let concurrent =
            self.steps.iter().map(|step| step.hold.scaled(i64::from(step.calls.max(1)), 1));
        self.total().high + concurrent.max().unwrap_or_default()
    }
}

/// Estimates an analysis under a tier on a day.
pub fn estimate(
    rules: &Rulebook,
    terms: &Terms,
    input: &TaskInput,
    today: Date,
) -> Result<Plan, RouteError> {
    estimate_on(rules, terms, input, today, None)
}

/// The same with every step on one role instead of the routed ones: what routing is compared with.
pub fn estimate_on(
    rules: &Rulebook,
    terms: &Terms,
    input: &TaskInput,
    today: Date,
    role: Option<Role>,
) -> Result<Plan, RouteError> {
    let mut planner = Planner {
        rules,
        terms,
        today,
        role,
        prior: PriorArtefacts::new(input.brief.clone(), input.icp_count, terms.max_icps, today),
        artefacts: BTreeMap::new(),
    };
    let mut steps = Vec::new();
    for step in Step::all() {
        if let Some(model) = step.model() {
            steps.push(planner.step(step, model, rules.task_types.get(model.task_type)?)?);
        }
    }
    Ok(Plan { steps })
}

/// Walks the steps and remembers how large the artefacts grow.
struct Planner<'a> {
    rules: &'a Rulebook,
    terms: &'a Terms,
    today: Date,
    role: Option<Role>,
    prior: PriorArtefacts,
    artefacts: BTreeMap<Kind, u64>,
}

/// What one call of a step reads and writes.
struct Call {
    input: u64,
    /// No prompt of the step holds more tokens.
    input_bound: u64,
    answer: u64,
}

impl Planner<'_> {
    fn step(
        &mut self,
        step: Step,
        model: &ModelWork,
        task_type: &TaskType,
    ) -> Result<StepEstimate, RouteError> {
        let call = self.call(step, model, task_type);
        let route = self.route(task_type, call.input_bound)?;
        let candidate =
            route.chain.first().ok_or_else(|| RouteError::NotCapable(task_type.name.clone()))?;
        let reasoning =
            candidate.effort.map_or(0, |effort| self.rules.task_types.reasoning(effort));
        let planned = Planned { input: call.input, answer: call.answer, reasoning };
        let cost = self.cost(&route, candidate, planned, task_type);
        let (cost, cached) = cost;
        let times = |cost: NanoUsd| cost.scaled(i64::from(model.calls), 1);
        Ok(StepEstimate {
            phase: step.info().phase,
            step,
            calls: model.calls,
            hold: candidate.bound,
            call: estimate_call(&route, candidate, planned),
            cost: CostRange {
                low: times(cost.low),
                expected: times(cost.expected),
                high: times(cost.high),
            },
            cached: times(cached),
            reason: route.reason.clone(),
        })
    }

    /// Sizes a call of the step, and the artefact it adds to.
    fn call(&mut self, step: Step, model: &ModelWork, task_type: &TaskType) -> Call {
        let rendered = prompts::size(step, &self.prior);
        let Some(figures) = planning().step(step) else {
            // The figures are checked when they are loaded; the task type's own are the best guess.
            let input = task_type.input_tokens + rendered.expected();
            return Call { input, input_bound: input * 4, answer: task_type.output_tokens };
        };
        // Whether the business keeps texts, and how near they are, is not known before the run.
        let kept = if step == Step::Evidence { passage::MOST_BYTES as u64 } else { 0 };
        let carried: u64 = model.reads.iter().filter_map(|kind| self.artefacts.get(kind)).sum();
        let answer = figures.answer.tokens(&self.counts());
        let grows_by = answer * figures.kept * u64::from(model.calls) / 100;
        if let Some(written) = step.info().writes.first() {
            *self.artefacts.entry(*written).or_default() += grows_by;
        }
        Call {
            input: rendered.expected() + carried,
            // A byte may be a token: what a hold is priced on before anybody has counted.
            input_bound: rendered.bound() + carried * 4 + kept,
            answer,
        }
    }

    fn counts(&self) -> Counts {
        let brief = &self.prior.brief;
        let (items, _) = items_per_week(&self.prior);
        Counts {
            icps: u64::from(self.prior.icps_wanted()),
            // The fewest that are asked for: the prompt asks to stay near them.
            items: u64::from(items) * WEEKS_PER_CALL,
            competitors: brief.known_competitors.len() as u64,
            goals: brief.goals.len() as u64,
            documents: brief.documents.len() as u64,
        }
    }

    fn route(&self, task_type: &TaskType, input_tokens: u64) -> Result<Route, RouteError> {
        let request = RouteRequest {
            task_type: &task_type.name,
            model: self.role.map(Role::as_str),
            complexity: None,
            terms: self.terms,
            allow_downgrade: true,
            input_tokens,
            counted_tokens: None,
            max_output_tokens: None,
            effort: None,
            needs: &[Capability::StructuredOutput],
            max_searches: 0,
            evidence: Evidence::default(),
            today: self.today,
        };
        route(self.rules, &request)
    }

    /// One call of a step with what follows from it: the critique of a capped step, the repairs to
    /// be expected. Also the expected cost with repeats read from the cache.
    fn cost(
        &self,
        route: &Route,
        candidate: &Candidate,
        planned: Planned,
        task_type: &TaskType,
    ) -> (CostRange, NanoUsd) {
        let price = &candidate.model.price;
        let critiques = i64::from(route.downgraded);
        let output = (planned.answer + planned.reasoning).min(candidate.max_output_tokens);
        let first = price.cost(&Usage::of(planned.input, output));
        // A critique or a repair sends the conversation so far, and gets edits to the answer.
        let edits = planned.answer * planning().edits / 100;
        let edits_bound =
            self.rules.task_types.edits_bound(task_type).min(candidate.model.max_output);
        let again = Usage::of(
            planned.input + planned.answer + REQUEST_TOKENS,
            (edits + planned.reasoning).min(edits_bound),
        );
        let cached_input = planned.input * planning().cached / 100;
        let short = |usage: Usage| Usage { output: usage.output * LOW_PERCENT / 100, ..usage };
        let quality = route.role.map_or(1.0, |role| task_type.quality.of(role));
        let cached = Usage { cached_input, ..again };
        let with_repeats = |usage: &Usage| {
            first + price.cost(usage).scaled(critiques * 1000 + per_mille(1.0 - quality), 1000)
        };
        let range = CostRange {
            low: price.cost(&short(Usage::of(planned.input, output)))
                + price.cost(&short(cached)).scaled(critiques, 1),
            expected: with_repeats(&again),
            high: price.bound(again.input, candidate.max_output_tokens, 0)
                + price.bound(again.input, edits_bound, 0).scaled(critiques, 1),
        };
        (range, with_repeats(&cached))
    }
}

/// A share in whole thousandths, rounded up: money is counted in integers.
fn per_mille(share: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1000")]
    let per_mille = (share.clamp(0.0, 1.0) * 1000.0).ceil() as i64;
    per_mille
}
