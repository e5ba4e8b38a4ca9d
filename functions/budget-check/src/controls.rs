//! The kill switch: refuses new work and cancels what runs.

use axum::extract::{Path, State};
use domain::BusinessId;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;

use crate::{AppState, business_of};

/// The switch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopRequest {
    /// On or off.
    stopped: bool,
    /// Why; shown to everybody who is refused.
    reason: String,
}

/// Stops (or allows again) all work of all businesses.
#[utoipa::path(put, path = "/v1/emergency-stop", tag = "budget-check", request_body = StopRequest,
    responses((status = 200, description = "set; how many tasks were cancelled")))]
pub(crate) async fn stop_all(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<StopRequest>,
) -> Result<Json<Value>, Problem> {
    stop(&state, &caller, None, request).await
}

/// Stops (or allows again) all work of one business.
#[utoipa::path(put, path = "/v1/emergency-stop/{business_id}", tag = "budget-check", request_body = StopRequest,
    params(("business_id" = String, Path)), responses((status = 200, description = "set; how many tasks were cancelled")))]
pub(crate) async fn stop_business(
    State(state): State<AppState>,
    caller: Caller,
    Path(business): Path<String>,
    Json(request): Json<StopRequest>,
) -> Result<Json<Value>, Problem> {
    let business = business_of(business)?;
    stop(&state, &caller, Some(&business), request).await
}

async fn stop(
    state: &AppState,
    caller: &Caller,
    business: Option<&BusinessId>,
    request: StopRequest,
) -> Result<Json<Value>, Problem> {
    caller.must_be_admin()?;
    let reason = request.reason.trim();
    if reason.is_empty() || reason.chars().count() > 300 {
        return Err(Problem::invalid_field("reason", "say why, in 1 to 300 characters"));
    }
    state.ledger.set_control(business, request.stopped, reason).await?;
    let cancelled =
        if request.stopped { state.engine.cancel_all(business, reason).await? } else { 0 };
    Ok(Json(json!({ "stopped": request.stopped, "reason": reason, "cancelled_tasks": cancelled })))
}
