//! `GET /v1/routing/outcomes`: how validated answers fared, for the job that learns the quality
//! table.

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use domain::{CallId, Time};
use serde::Deserialize;
use service::{Caller, Problem, Query};

use crate::{AppState, report::instant};

/// A span, and where an earlier answer ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutcomesQuery {
    /// A day or an RFC 3339 time; the first of this month when absent.
    from: Option<String>,
    /// Likewise; now when absent. A day is meant to its end.
    to: Option<String>,
    /// `call_id` of the last line of an earlier answer.
    after: Option<String>,
}

/// Outcomes of all businesses as JSON lines, oldest first, at most a thousand: ask again with
/// `after` until fewer come. They hold no prompt, no answer and nobody's name.
#[utoipa::path(get, path = "/v1/routing/outcomes", tag = "budget-check",
    params(("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("after" = Option<String>, Query, description = "call_id of the last line of an earlier answer")),
    responses((status = 200, content_type = "application/x-ndjson", body = String,
        description = "lines of call_id, at, task_type, model, role, outcome (pass, repair, fail) and tokens"),
        (status = 403, description = "for admins only")))]
pub(crate) async fn outcomes(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<OutcomesQuery>,
) -> Result<Response, Problem> {
    caller.must_be_admin()?;
    let now = state.clock.now();
    let month_start = Time::start_of(now.date().first_of_month());
    let from =
        query.from.as_deref().map_or(Ok(month_start), |text| instant("from", text, false))?;
    let to = query.to.as_deref().map_or(Ok(now.plus_ms(1)), |text| instant("to", text, true))?;
    if from >= to {
        return Err(Problem::invalid_field("from", "from must lie before to"));
    }
    let after = query.after.map(CallId::new).transpose();
    let after = after.map_err(|error| Problem::invalid_field("after", error.to_string()))?;
    let mut lines = String::new();
    for outcome in state.ledger.outcomes(from, to, after.as_ref()).await? {
        let line = serde_json::to_string(&outcome)
            .map_err(|error| Problem::internal(&error.to_string()))?;
        lines.extend([line.as_str(), "\n"]);
    }
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}
