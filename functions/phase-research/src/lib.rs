//! `phase-research`: runs the research phase of a task when Pub/Sub wakes it: evidence, situation,
//! competitors, and the opening of the plan.

use axum::{extract::State, http::StatusCode};
use domain::phase::Phase;
use service::{Problem, Push};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::{Delivery, Engine, Wake};

/// What the handler works with.
#[derive(Clone)]
pub struct AppState {
    /// Tasks.
    pub engine: Engine,
}

/// The route.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(push)).with_state(state)
}

/// Handles a wake-up. 204 when it was handled or means nothing, 503 when it should be delivered
/// again.
#[utoipa::path(post, path = "/push/phase-research", tag = "phases",
    request_body(content = Object, description = "Pub/Sub push envelope with {task_id, phase_seq}"),
    responses((status = 204, description = "handled"), (status = 503, description = "deliver it again")))]
async fn push(
    State(state): State<AppState>,
    Push(wake): Push<Wake>,
) -> Result<StatusCode, Problem> {
    match state.engine.handle(Phase::Research, &wake).await {
        Delivery::Done => Ok(StatusCode::NO_CONTENT),
        Delivery::Again => Err(Problem::unavailable("the task could not be worked on now")),
    }
}
