//! What clients do to a task: cancel it, redrive it, build on it, watch it.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use marketing::artefact::Kind;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, IdempotencyKey, Json, Problem};
use utoipa::ToSchema;

use crate::{AppState, create::Accepted, visible};

/// The longest text that a client may give as a wish, in characters.
const MOST_WISH: usize = 1_000;

/// Cancels a task; one that is over stays as it is.
#[utoipa::path(delete, path = "/v1/tasks/{id}", tag = "tasks", params(("id" = String, Path)),
    responses((status = 202, description = "cancelled, or over before")))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (task, _) = visible(&state, &caller, &id).await?;
    let status = state.engine.cancel(&task, "cancelled by a client").await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "task_id": id, "status": status }))))
}

/// Puts a parked task back to work.
#[utoipa::path(post, path = "/v1/tasks/{id}/retry", tag = "tasks", params(("id" = String, Path)),
    responses((status = 202, description = "queued again"), (status = 409, description = "not parked")))]
pub(crate) async fn retry(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (task, doc) = visible(&state, &caller, &id).await?;
    state.engine.ledger().admit(&doc.business).await?;
    let status = state.engine.redrive(&task).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "task_id": id, "status": status }))))
}

/// A ticket for the task's socket, good for a minute.
#[utoipa::path(post, path = "/v1/tasks/{id}/ticket", tag = "tasks", params(("id" = String, Path)),
    responses((status = 200, description = "{ticket, expires_in}")))]
pub(crate) async fn ticket(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (task, doc) = visible(&state, &caller, &id).await?;
    let ticket = state.auth.ticket(&task, &doc.business).await?;
    Ok(Json(json!({ "ticket": ticket, "expires_in": 60 })))
}

/// Another positioning.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PositionRequest {
    /// One of the three options' ids.
    option_id: String,
}

/// A new task that builds on another positioning option and keeps the research.
#[utoipa::path(post, path = "/v1/tasks/{id}/positioning", tag = "tasks", request_body = PositionRequest,
    params(("id" = String, Path)), responses((status = 202, body = Accepted)))]
pub(crate) async fn position(
    State(state): State<AppState>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(id): Path<String>,
    Json(request): Json<PositionRequest>,
) -> Result<Response, Problem> {
    let (task, doc) = visible(&state, &caller, &id).await?;
    let account = state.engine.ledger().admit(&doc.business).await?;
    let submitted =
        state.engine.reposition(&account, (&task, &doc), &request.option_id, key).await?;
    Ok(Accepted::response(&state, &submitted))
}

/// Another version of an artefact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegenerateRequest {
    /// Kind of the artefact.
    #[schema(value_type = String)]
    artifact: Kind,
    /// What should be different.
    part: Option<String>,
}

/// A new task that writes an artefact, and what builds on it, anew.
#[utoipa::path(post, path = "/v1/tasks/{id}/regenerate", tag = "tasks", request_body = RegenerateRequest,
    params(("id" = String, Path)), responses((status = 202, body = Accepted)))]
pub(crate) async fn regenerate(
    State(state): State<AppState>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(id): Path<String>,
    Json(request): Json<RegenerateRequest>,
) -> Result<Response, Problem> {
    if request.part.as_ref().is_some_and(|part| part.chars().count() > MOST_WISH) {
        return Err(Problem::invalid_field("part", "part must be at most 1000 characters"));
    }
    if matches!(request.artifact, Kind::Clv | Kind::RunReport) {
        let detail = "this artefact is computed from the others; regenerate one of those";
        return Err(Problem::invalid_field("artifact", detail));
    }
    let (task, doc) = visible(&state, &caller, &id).await?;
    let account = state.engine.ledger().admit(&doc.business).await?;
    let wish = (request.artifact, request.part);
    let submitted = state.engine.regenerate(&account, (&task, &doc), wish, key).await?;
    Ok(Accepted::response(&state, &submitted).into_response())
}
