//! The state of a task, lists of tasks, and a task's timeline.

use axum::extract::{Path, State};
use domain::{BusinessId, task::Status};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, Json, Problem, Query};
use workflow::documents::TaskDoc;

use crate::{AppState, visible};

const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// State, progress, cost and results of a task.
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "tasks", params(("id" = String, Path)),
    responses((status = 200, description = "the task"), (status = 404, description = "unknown, or another business's")))]
pub(crate) async fn task(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (_, doc) = visible(&state, &caller, &id).await?;
    Ok(Json(body(&id, &doc)))
}

/// Which tasks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    business_id: Option<String>,
    status: Option<Status>,
    page_token: Option<String>,
    limit: Option<usize>,
}

/// A business's tasks, newest first.
#[utoipa::path(get, path = "/v1/tasks", tag = "tasks",
    params(("business_id" = Option<String>, Query), ("status" = Option<String>, Query),
        ("page_token" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "tasks and the next page's token")))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let named = query.business_id.map(BusinessId::new).transpose();
    let named = named.map_err(|error| Problem::invalid_field("business_id", error.to_string()))?;
    let business = named.or_else(|| caller.business.clone());
    let business =
        business.ok_or_else(|| Problem::invalid_field("business_id", "name a business"))?;
    caller.may_act_for(&business)?;
    let limit = query.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::invalid_field("limit", "limit must lie between 1 and 100"));
    }
    let page =
        state.engine.tasks(&business, query.status, query.page_token.as_deref(), limit).await;
    let (tasks, next) = page.map_err(|error| {
        let is_unknown = matches!(error, ledger::Error::NotFound(_));
        if is_unknown {
            Problem::invalid_field("page_token", "page_token is not one of this list's")
        } else {
            error.into()
        }
    })?;
    let tasks: Vec<Value> = tasks.iter().map(|(id, doc)| body(id, doc)).collect();
    Ok(Json(json!({ "tasks": tasks, "next_page_token": next })))
}

/// Steps, attempts, costs and events of a task in the order they happened.
#[utoipa::path(get, path = "/v1/tasks/{id}/trace", tag = "tasks", params(("id" = String, Path)),
    responses((status = 200, description = "the time line")))]
pub(crate) async fn trace(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (task, doc) = visible(&state, &caller, &id).await?;
    let entries = state.engine.trace(&task).await?;
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({ "at": entry.at, "kind": entry.kind, "name": entry.name,
                "cost_usd": entry.cost.as_usd_f64(), "detail": entry.detail })
        })
        .collect();
    Ok(Json(
        json!({ "task_id": id, "status": doc.state.status(), "lease": doc.state.lease(), "entries": entries }),
    ))
}

fn body(id: &str, doc: &TaskDoc) -> Value {
    let state = &doc.state;
    let errors: u32 = doc.artifacts.values().map(|entry| entry.errors).sum();
    let warnings: u32 = doc.artifacts.values().map(|entry| entry.warnings).sum();
    json!({
        "task_id": id,
        "business_id": doc.business,
        "status": state.status(),
        "waiting": state.is_waiting(),
        "reason": state.reason(),
        "phase": state.phase,
        "attempt": state.attempt,
        "percent_complete": doc.percent,
        "cost_usd": doc.cost.as_usd_f64(),
        "models_used": doc.models_used,
        "simulated": doc.simulated,
        "derived_from": doc.derived_from,
        "artifacts": doc.artifacts,
        "validation": { "errors": errors, "warnings": warnings, "needs_human": errors > 0 },
        "route_backs": doc.route_backs,
        "last_seq": doc.last_seq,
        "created_at": doc.created_at,
        "finished_at": doc.finished_at,
        "resumes_at": if state.status() == Status::Parked { state.wake_at() } else { None },
    })
}
