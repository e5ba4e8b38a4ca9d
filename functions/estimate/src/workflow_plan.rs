//! Estimates a whole analysis: every step of every phase, and the totals.

use domain::{BusinessId, NanoUsd};
use marketing::brief::Brief;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, Problem};
use workflow::{documents::TaskInput, plan};

use crate::AppState;

/// The default number of profiles, as in `POST /v1/tasks`, and the least number of profiles.
const DEFAULT_ICPS: u32 = 5;
const LEAST_ICPS: u32 = 3;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowRequest {
    business_id: BusinessId,
    workflow: String,
    /// A brief in the form of `POST /v1/tasks`, with or without its `business_id`.
    input: Value,
}

pub(crate) async fn estimate(
    state: &AppState,
    caller: &Caller,
    body: Value,
) -> Result<Value, Problem> {
    let request: WorkflowRequest = service::from_value(body)?;
    caller.may_act_for(&request.business_id)?;
    if request.workflow != "marketing_analysis" {
        return Err(Problem::invalid_field("workflow", "the only workflow is marketing_analysis"));
    }
    let account = state.ledger.terms(&request.business_id).await?;
    let mut input = request.input;
    let mut take = |name: &str| input.as_object_mut().and_then(|fields| fields.remove(name));
    let (_, _, icp_count) = (take("business_id"), take("max_cost_usd"), take("icp_count"));
    let brief: Brief = service::from_value(input).map_err(|problem| problem.inside("input"))?;
    let most = account.terms.max_icps;
    let icp_count = match icp_count {
        None | Some(Value::Null) => most.min(DEFAULT_ICPS),
        Some(count) => count
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| (LEAST_ICPS..=most).contains(count))
            .ok_or_else(|| {
                let detail = format!("icp_count must be {LEAST_ICPS} to {most} in this tier");
                Problem::invalid_field("icp_count", detail).inside("input")
            })?,
    };
    let input = TaskInput {
        brief,
        icp_count,
        positioning_option: None,
        regenerate: None,
        regenerate_part: None,
    };
    let plan =
        plan::estimate(state.ledger.rules(), &account.terms, &input, state.clock.now().date())?;
    let usd = NanoUsd::as_usd_f64;
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "phase": step.phase, "step": step.step, "calls": step.calls, "model": step.call.model,
                "provider": step.call.provider, "complexity": step.call.complexity,
                "input_tokens": step.call.input_tokens, "output_tokens": step.call.output_tokens,
                "cost_usd": { "low": usd(step.cost.low), "expected": usd(step.cost.expected), "high": usd(step.cost.high) },
                "reason": step.reason,
            })
        })
        .collect();
    let total = plan.total();
    Ok(json!({
        "workflow": "marketing_analysis",
        "steps": steps,
        "cost_usd": { "low": usd(total.low), "expected": usd(total.expected), "high": usd(total.high) },
        "reserved_usd": usd(plan.grant()),
    }))
}
