//! `POST /v1/usage`: usage of a call that was made elsewhere counts against the same budget.

use axum::extract::State;
use domain::{
    BusinessId, CallId, NanoUsd,
    budget::{CallState, Period},
    digest,
    money::usd,
    routing::RouteError,
    usage::Usage,
};
use ledger::documents::{AttemptDoc, CallDoc, RETENTION_SECONDS};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, IdempotencyKey, Json, Problem};
use utoipa::ToSchema;

use crate::AppState;

/// Tokens of the reported call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportedTokens {
    input: u64,
    #[serde(default)]
    cached_input: u64,
    output: u64,
    #[serde(default)]
    reasoning: u64,
}

/// A call made elsewhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageRequest {
    #[schema(value_type = String)]
    business_id: BusinessId,
    task_type: String,
    model_used: String,
    tokens: ReportedTokens,
    /// What it cost; computed from the catalogue when absent.
    #[serde(default, with = "usd::option")]
    #[schema(value_type = Option<f64>)]
    cost_usd: Option<NanoUsd>,
}

/// Books the usage in full, even past the limit. With an Idempotency-Key a repeat books nothing.
#[utoipa::path(post, path = "/v1/usage", tag = "budget-check", request_body = UsageRequest,
    responses((status = 200, description = "booked, or booked before")))]
pub(crate) async fn report_usage(
    State(state): State<AppState>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<UsageRequest>,
) -> Result<Json<Value>, Problem> {
    caller.may_act_for(&request.business_id)?;
    let rules = state.ledger.rules();
    rules.task_types.get(&request.task_type).map_err(RouteError::from)?;
    let tokens = &request.tokens;
    let usage = Usage {
        cached_input: tokens.cached_input,
        reasoning: tokens.reasoning,
        ..Usage::of(tokens.input, tokens.output)
    };
    let cost = match (request.cost_usd, rules.catalog.served(&request.model_used)) {
        (Some(cost), _) if cost < NanoUsd::ZERO => {
            return Err(Problem::invalid_field("cost_usd", "cost_usd cannot be negative"));
        }
        (Some(cost), _) => cost,
        (None, Some(model)) => model.price.cost(&usage),
        (None, None) => {
            let detail =
                "the model is not in the catalogue: its price is unknown, so send cost_usd";
            return Err(Problem::invalid_field("cost_usd", detail));
        }
    };
    let business = &request.business_id;
    let id = match &key {
        Some(key) => CallId::derive(business, "POST /v1/usage", key, 0),
        None => {
            CallId::new(state.ids.next()).map_err(|error| Problem::internal(&error.to_string()))?
        }
    };
    let now = state.clock.now();
    let hash = digest(&[
        &request.task_type,
        &request.model_used,
        &serde_json::to_string(&usage).unwrap_or_default(),
        &cost.to_string(),
    ]);
    let call = CallDoc {
        business: business.clone(),
        holder: "reported".into(),
        task: None,
        task_type: request.task_type,
        state: CallState::Done,
        hold: NanoUsd::ZERO,
        charged: cost,
        period: Period::of(now),
        paid_tries: 1,
        attempts: vec![AttemptDoc {
            model: request.model_used.clone(),
            outcome: "reported".into(),
            usage: Some(usage),
            cost,
            unknown: false,
            latency_ms: 0,
        }],
        request_hash: hash,
        model_used: Some(request.model_used),
        response: None,
        provider_response_id: None,
        background: None,
        price_version: rules.catalog.version().into(),
        overrun: false,
        fallback_used: false,
        latency_ms: 0,
        verdict: None,
        created_at: now,
        call_until: now,
        swept: None,
        sweep_at: None,
        mirror_at: None,
        expire_at: now.plus_seconds(RETENTION_SECONDS),
    };
    let booked = state.ledger.report_usage(&id, call).await?;
    Ok(Json(json!({ "usage_id": id, "booked": booked, "cost_usd": cost.as_usd_f64() })))
}
