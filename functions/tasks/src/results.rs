//! The results of a task: single artefacts, and the whole report in several formats.

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use marketing::{
    artefact::Kind,
    report::{self, ReportHead},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{Caller, Json, Problem, Query};

use crate::{AppState, visible};

/// One artefact with what its rules found.
#[utoipa::path(get, path = "/v1/tasks/{id}/artifacts/{kind}", tag = "tasks",
    params(("id" = String, Path), ("kind" = String, Path)),
    responses((status = 200, description = "the artefact"), (status = 404, description = "not written yet")))]
pub(crate) async fn artifact(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, kind)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (task, _) = visible(&state, &caller, &id).await?;
    let kind: Kind = kind.parse().map_err(|_| {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        Problem::not_found(&format!("artefact kind `{kind}` (there are {})", kinds.join(", ")))
    })?;
    let (doc, mut content) = state.engine.artifact(&task, kind).await?;
    if let Value::Object(fields) = &mut content {
        fields.insert("version".into(), doc.version.into());
        fields.insert("validation".into(), json!({ "findings": doc.findings }));
    }
    Ok(Json(content))
}

/// Which format.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportQuery {
    format: Option<String>,
}

/// The report: `md` (default), `html`, `json`, or the calendar as `csv` or `ics`.
#[utoipa::path(get, path = "/v1/tasks/{id}/report", tag = "tasks",
    params(("id" = String, Path), ("format" = Option<String>, Query)),
    responses((status = 200, description = "the report, as far as the task has come")))]
pub(crate) async fn report(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, Problem> {
    let (task, doc) = visible(&state, &caller, &id).await?;
    let prior = state.engine.prior_artefacts(&task, &doc).await?;
    let head = ReportHead {
        task_id: task,
        generated_at: doc.finished_at.unwrap_or_else(|| state.clock.now()),
        simulated: doc.simulated,
        total_cost: doc.cost,
        models_used: doc.models_used.clone(),
    };
    let (kind, text) = match query.format.as_deref().unwrap_or("md") {
        "md" => ("text/markdown; charset=utf-8", report::markdown(&prior, &head)),
        "html" => ("text/html; charset=utf-8", report::html(&prior, &head)),
        "csv" => ("text/csv; charset=utf-8", report::csv(&prior, &head)),
        "ics" => ("text/calendar; charset=utf-8", report::ics(&prior, &head)),
        "json" => {
            let artefacts: Map<String, Value> = Kind::ALL
                .into_iter()
                .filter_map(|kind| Some((kind.as_str().to_owned(), prior.get_json(kind)?)))
                .collect();
            let whole = json!({
                "task_id": id, "simulated": doc.simulated, "total_cost_usd": doc.cost.as_usd_f64(),
                "models_used": doc.models_used, "brief": prior.brief, "artifacts": artefacts,
            });
            return Ok(Json(whole).into_response());
        }
        _ => {
            return Err(Problem::invalid_field(
                "format",
                "format must be md, html, json, csv or ics",
            ));
        }
    };
    // The page contains text from models and documents, so it may run no scripts and load nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)], text)
        .into_response())
}
