//! `GET /v1/models`: what can be asked for, in OpenAI's shape, with what is ending.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use domain::{
    catalog::{Model, ModelKind, Role},
    rulebook::Rulebook,
};
use jiff::civil::Date;
use serde::Serialize;
use service::{Caller, Json, Problem};
use utoipa::ToSchema;

use super::error::openai_error;
use crate::AppState;

/// A list of models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// Models in force of the configured providers.
    data: Vec<ModelRow>,
}

/// A model, in OpenAI's shape and more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelRow {
    id: String,
    /// Always `model`.
    object: &'static str,
    /// Unknown here; OpenAI's clients expect a number.
    created: u64,
    owned_by: String,
    /// The roles it serves today.
    roles: Vec<&'static str>,
    context_window: u64,
    max_output_tokens: u64,
    /// The day it ends, if that is known.
    shutdown_date: Option<String>,
    replacement: Option<String>,
    /// Set within 30 days of its end.
    warning: Option<String>,
}

/// Lists the models that can be asked for.
#[utoipa::path(get, path = "/v1/models", tag = "route-execute", responses((status = 200, body = ModelList)))]
pub(crate) async fn models(State(state): State<Arc<AppState>>, _caller: Caller) -> Json<ModelList> {
    Json(ModelList { object: "list", data: rows(&state) })
}

/// One model that can be asked for.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "route-execute",
    responses((status = 200, body = ModelRow), (status = 404, description = "no such model, or it has ended")))]
pub(crate) async fn model(
    State(state): State<Arc<AppState>>,
    caller: Result<Caller, Problem>,
    Path(id): Path<String>,
) -> Response {
    let found = caller.and_then(|_| {
        let row = rows(&state).into_iter().find(|row| row.id == id);
        let detail = "the model is unknown or has ended: GET /v1/models lists those in force";
        row.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "model_not_found", detail))
    });
    found.map_or_else(|problem| openai_error(&problem), |row| Json(row).into_response())
}

fn rows(state: &AppState) -> Vec<ModelRow> {
    let rules = state.ledger.rules();
    let today = state.clock.now().date();
    let is_usable = |model: &&Model| {
        let is_served =
            state.providers.contains_key(&model.provider) || model.kind == ModelKind::Embedding;
        is_served && model.in_force(today)
    };
    rules.catalog.models().filter(is_usable).map(|model| row(rules, model, today)).collect()
}

fn row(rules: &Rulebook, model: &Model, today: Date) -> ModelRow {
    let all_roles = [Role::Nano, Role::Mini, Role::Full, Role::Embedding];
    let first = |role: &Role| {
        rules.catalog.chain(*role, today, rules.lead_days).first().is_some_and(|m| m.id == model.id)
    };
    let lifecycle = model.lifecycle.as_ref();
    let warning = model.ending_in(today).map(|days| {
        let next = lifecycle
            .and_then(|it| it.replacement.as_deref())
            .unwrap_or("no announced replacement");
        format!("ends in {days} days; then {next}")
    });
    ModelRow {
        id: model.id.clone(),
        object: "model",
        created: 0,
        owned_by: model.provider.clone(),
        roles: all_roles.into_iter().filter(first).map(Role::as_str).collect(),
        context_window: model.max_input,
        max_output_tokens: model.max_output,
        shutdown_date: lifecycle.map(|it| it.shutdown.to_string()),
        replacement: lifecycle.and_then(|it| it.replacement.clone()),
        warning,
    }
}
