//! The four phase functions: each runs its phase of a task when Pub/Sub wakes it.
//!
//! One router serves all four; a program of `src/bin` serves the route of its own phase.

use axum::{extract::State, http::StatusCode};
use domain::phase::Phase;
use service::{Problem, Push};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::{Delivery, Engine, Wake};

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Tasks.
    pub engine: Engine,
}

/// The route of one phase.
pub fn router(phase: Phase, state: AppState) -> OpenApiRouter {
    let router = OpenApiRouter::new();
    match phase {
        Phase::Research => router.routes(routes!(research)),
        Phase::Strategy => router.routes(routes!(strategy)),
        Phase::Campaign => router.routes(routes!(campaign)),
        Phase::Analytics => router.routes(routes!(analytics)),
    }
    .with_state(state)
}

/// Declares the handler of a phase's wake-ups: 204 when one was handled or means nothing, 503 when
/// it should be delivered again.
macro_rules! handler {
    ($name:ident, $phase:expr, $path:tt) => {
        /// Handles a wake-up. 204 when it was handled or means nothing, 503 when it should be
        /// delivered again.
        #[utoipa::path(post, path = $path, tag = "phases",
            request_body(content = Object, description = "Pub/Sub push envelope with {task_id, phase_seq}"),
            responses((status = 204, description = "handled"),
                (status = 503, description = "deliver it again")))]
        async fn $name(
            State(state): State<AppState>,
            Push(wake): Push<Wake>,
        ) -> Result<StatusCode, Problem> {
            handle(&state, $phase, &wake).await
        }
    };
}

handler!(research, Phase::Research, "/push/phase-research");
handler!(strategy, Phase::Strategy, "/push/phase-strategy");
handler!(campaign, Phase::Campaign, "/push/phase-campaign");
handler!(analytics, Phase::Analytics, "/push/phase-analytics");

async fn handle(state: &AppState, phase: Phase, wake: &Wake) -> Result<StatusCode, Problem> {
    match state.engine.handle(phase, wake).await {
        Delivery::Done => Ok(StatusCode::NO_CONTENT),
        Delivery::Again => Err(Problem::unavailable("the task could not be worked on now")),
    }
}
