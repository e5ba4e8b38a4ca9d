//! Estimates one call: the model that would serve it now, and alternatives.

use domain::{
    BusinessId, NanoUsd,
    catalog::{Complexity, Role},
    estimate::{Estimate, Planned, estimate as estimate_route},
    routing::{self, Candidate, Evidence, Route, RouteRequest},
    tokens,
};
use ports::ModelMessage;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, Problem};

use crate::AppState;

/// The longest input that is estimated, in characters: more than any model accepts.
const MOST_CHARS: u64 = 10_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallRequest {
    business_id: BusinessId,
    task_type: String,
    /// Length of the input in characters.
    input_length: Option<u64>,
    messages: Option<Vec<ModelMessage>>,
    complexity: Option<Complexity>,
    max_output_tokens: Option<u64>,
    #[serde(default)]
    allow_downgrade: bool,
}

pub(crate) async fn estimate(
    state: &AppState,
    caller: &Caller,
    body: Value,
) -> Result<Value, Problem> {
    let request: CallRequest = service::from_value(body)?;
    caller.may_act_for(&request.business_id)?;
    let account = state.ledger.terms(&request.business_id).await?;
    let rules = state.ledger.rules();
    let task_type = rules.task_types.get(&request.task_type).map_err(routing::RouteError::from)?;
    let texts = || request.messages.iter().flatten().map(|message| message.content.as_str());
    let (chars, bound) = match (&request.messages, request.input_length) {
        (Some(_), None) => {
            (texts().map(|text| text.chars().count() as u64).sum(), tokens::upper_bound(texts()))
        }
        // In the languages that models are used with, a character is at most one token.
        (None, Some(chars)) if chars <= MOST_CHARS => (chars, chars),
        (None, Some(_)) => {
            let detail = format!("input_length must be at most {MOST_CHARS} characters");
            return Err(Problem::invalid_field("input_length", detail));
        }
        (None, None) => (task_type.input_tokens * 4, task_type.input_tokens * 4),
        (Some(_), Some(_)) => {
            return Err(Problem::invalid_field(
                "input_length",
                "send either input_length or messages, not both",
            ));
        }
    };
    let evidence = if request.messages.is_some() {
        Evidence::of(texts())
    } else {
        Evidence { chars, marks: 0 }
    };
    let route_request = RouteRequest {
        task_type: &request.task_type,
        model: None,
        complexity: request.complexity,
        terms: &account.terms,
        allow_downgrade: request.allow_downgrade,
        input_tokens: bound,
        counted_tokens: None,
        max_output_tokens: request.max_output_tokens,
        effort: None,
        needs: &[],
        max_searches: 0,
        evidence,
        today: state.clock.now().date(),
    };
    let route = routing::route(rules, &route_request)?;
    let input_tokens = tokens::expected(chars);
    let first = route.chain.first().ok_or_else(|| Problem::internal("a route without a model"))?;
    let estimate_candidate = |route: &Route, candidate: &Candidate| {
        estimate_route(
            route,
            candidate,
            Planned::of(&rules.task_types, task_type, candidate, input_tokens),
        )
    };
    let estimated = estimate_candidate(&route, first);
    let mut alternatives: Vec<Value> = route.chain[1..]
        .iter()
        .map(|candidate| alternative(&estimate_candidate(&route, candidate), "fallback"))
        .collect();
    for role in Role::CHAT.into_iter().filter(|role| Some(*role) != route.role) {
        // A role that the tier or the input excludes is not an alternative.
        if let Ok(other) =
            routing::route(rules, &RouteRequest { model: Some(role.as_str()), ..route_request })
            && let Some(candidate) = other.chain.first()
            && !other.downgraded
        {
            alternatives.push(alternative(&estimate_candidate(&other, candidate), role.as_str()));
        }
    }
    Ok(json!({
        "task_type": task_type.name,
        "complexity": estimated.complexity,
        "model": estimated.model,
        "provider": estimated.provider,
        "input_tokens": estimated.input_tokens,
        "output_tokens": estimated.output_tokens,
        "cost_usd": cost(&estimated),
        "alternatives": alternatives,
        "downgraded": route.downgraded,
        "reason": route.reason,
    }))
}

fn alternative(estimate: &Estimate, why: &str) -> Value {
    json!({ "model": estimate.model, "provider": estimate.provider, "as": why, "cost_usd": cost(estimate) })
}

fn cost(estimate: &Estimate) -> Value {
    let usd = NanoUsd::as_usd_f64;
    json!({ "low": usd(estimate.cost.low), "expected": usd(estimate.cost.expected), "high": usd(estimate.cost.high) })
}
