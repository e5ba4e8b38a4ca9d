//! `estimate`: the expected cost of a call or of a whole analysis, and the models that would serve
//! it. It spends nothing.

mod call;
mod workflow_plan;

use std::sync::Arc;

use axum::extract::State;
use ledger::Ledger;
use ports::Clock;
use serde_json::Value;
use service::{Caller, Json, Problem};
use utoipa_axum::{router::OpenApiRouter, routes};

/// State of the handlers.
#[derive(Clone)]
pub struct AppState {
    /// Tiers and prices.
    pub ledger: Ledger,
    /// Clock that tells the current time.
    pub clock: Arc<dyn Clock>,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(estimate)).with_state(state)
}

/// Estimates a call (`task_type`) or a whole analysis (`workflow`).
#[utoipa::path(post, path = "/v1/estimate", tag = "estimate",
    request_body(content = Object, description = "{business_id, task_type, input_length | messages, complexity?, max_output_tokens?, allow_downgrade?} or {business_id, workflow: \"marketing_analysis\", input}"),
    responses((status = 200, description = "the estimate"), (status = 402, description = "the tier does not allow the model")))]
async fn estimate(
    State(state): State<AppState>,
    caller: Caller,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Problem> {
    if body.get("workflow").is_some() {
        workflow_plan::estimate(&state, &caller, body).await
    } else {
        call::estimate(&state, &caller, body).await
    }
    .map(Json)
}
