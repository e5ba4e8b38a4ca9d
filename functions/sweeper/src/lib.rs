//! `sweeper`: once a minute moves on tasks, calls, grants and notices without an owner, and parks
//! what could not be delivered.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use domain::TaskId;
use ports::UsageMirror;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, CallerRole, Problem, Push};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::Engine;

/// State of the handlers.
#[derive(Clone)]
pub struct AppState {
    /// The engine, with tasks and the ledger.
    pub engine: Engine,
    /// The mirror that settled calls are copied to, if any.
    pub mirror: Option<Arc<dyn UsageMirror>>,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(sweep)).routes(routes!(dead_letter)).with_state(state)
}

/// Sweeps everything that is due.
#[utoipa::path(post, path = "/sweep", tag = "sweeper", responses((status = 200, description = "what was moved on")))]
async fn sweep(State(state): State<AppState>, caller: Caller) -> Result<Json<Value>, Problem> {
    if caller.role == CallerRole::Member {
        let detail = "only the scheduler and admins may sweep";
        return Err(Problem::new(StatusCode::FORBIDDEN, "service_only", detail));
    }
    let tasks = state.engine.sweep().await?;
    let ledger = state.engine.ledger().sweep().await?;
    let mirrored = mirrored(&state).await;
    let swept = json!({
        "tasks": tasks, "calls": ledger.calls, "grants": ledger.grants, "notices": ledger.notices, "mirrored": mirrored,
    });
    if tasks + ledger.calls > 0 {
        tracing::info!(
            tasks,
            calls = ledger.calls,
            "the sweep moved {tasks} tasks and {} calls on",
            ledger.calls
        );
    }
    Ok(Json(swept))
}

/// Copies settled calls to the usage mirror, after all work that somebody waits for, and returns
/// how many. An unavailable mirror delays nothing: uncopied calls stay marked in the ledger.
async fn mirrored(state: &AppState) -> usize {
    let Some(mirror) = &state.mirror else { return 0 };
    match state.engine.ledger().mirror_usage(mirror.as_ref()).await {
        Ok(mirrored) => mirrored.calls,
        Err(error) => {
            tracing::warn!(%error, "settled calls wait for the usage mirror");
            0
        }
    }
}

/// A message that was delivered in vain ten times.
#[derive(Deserialize)]
struct Undelivered {
    task_id: TaskId,
}

/// Parks the task of a message that nobody could handle.
#[utoipa::path(post, path = "/push/dead-letter", tag = "sweeper", responses((status = 204, description = "parked")))]
async fn dead_letter(
    State(state): State<AppState>,
    Push(message): Push<Undelivered>,
) -> Result<StatusCode, Problem> {
    state.engine.park(&message.task_id, "its wake-up was delivered in vain too often").await?;
    Ok(StatusCode::NO_CONTENT)
}
