//! `GET /v1/usage/{business_id}`: what was spent, on what, with which models.

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use domain::{NanoUsd, Time, spreadsheet};
use ledger::{GroupBy, UsageGroup, UsageReport};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, Json, Problem, Query};

use crate::{AppState, business_of};

/// A span and a grouping.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageQuery {
    /// A day or an RFC 3339 time; the first of this month when absent.
    from: Option<String>,
    /// Likewise; now when absent. A day is meant to its end.
    to: Option<String>,
    group_by: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// An instant of a query: an RFC 3339 time, or a day, from its start or to its end.
pub(crate) fn instant(field: &str, text: &str, end_of_day: bool) -> Result<Time, Problem> {
    if let Ok(time) = text.parse::<Time>() {
        return Ok(time);
    }
    let day: Result<Time, _> = format!("{text}T00:00:00Z").parse();
    let day = day.map_err(|_| {
        Problem::invalid_field(
            field,
            format!("`{text}` is neither a day (2026-11-22) nor an RFC 3339 time"),
        )
    })?;
    Ok(if end_of_day { day.next_day() } else { day })
}

/// Totals and groups of a business's usage.
#[utoipa::path(get, path = "/v1/usage/{business_id}", tag = "budget-check",
    params(("business_id" = String, Path), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("group_by" = Option<String>, Query, description = "day, task_type, task or model"),
        ("format" = Option<String>, Query, description = "json (default), or csv: a row a group")),
    responses((status = 200, description = "totals, cost, tokens, calls, fallback rate, latencies")))]
pub(crate) async fn usage(
    State(state): State<AppState>,
    caller: Caller,
    Path(business): Path<String>,
    Query(query): Query<UsageQuery>,
) -> Result<Response, Problem> {
    let business = business_of(business)?;
    caller.may_act_for(&business)?;
    let now = state.clock.now();
    let month_start = Time::start_of(now.date().first_of_month());
    let from =
        query.from.as_deref().map_or(Ok(month_start), |text| instant("from", text, false))?;
    let to = query.to.as_deref().map_or(Ok(now.plus_ms(1)), |text| instant("to", text, true))?;
    if from >= to {
        return Err(Problem::invalid_field("from", "from must lie before to"));
    }
    let group_by = match query.group_by.as_deref() {
        None | Some("day") => GroupBy::Day,
        Some("task_type") => GroupBy::TaskType,
        Some("task") => GroupBy::Task,
        Some("model") => GroupBy::Model,
        Some(_) => {
            return Err(Problem::invalid_field(
                "group_by",
                "group_by must be day, task_type, task or model",
            ));
        }
    };
    let is_csv = match query.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Problem::invalid_field("format", "format must be json or csv")),
    };
    let report = state.ledger.usage(&business, from, to, group_by).await?;
    if is_csv {
        return Ok(
            ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&report)).into_response()
        );
    }
    let budget = state.ledger.budget(&business).await?;
    Ok(Json(json!({
        "business_id": business, "from": from, "to": to,
        "total": group(&report.total),
        "groups": report.groups.iter().map(group).collect::<Vec<_>>(),
        "projected_monthly": budget.projected_month.as_usd_f64(),
    }))
    .into_response())
}

/// The columns of the CSV.
const COLUMNS: [&str; 10] = [
    "key",
    "calls",
    "cost_usd",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "fallbacks",
    "latency_p50_ms",
    "latency_p95_ms",
];

/// A row a group and one for the total; money exact.
fn csv(report: &UsageReport) -> String {
    let rows = report.groups.iter().chain([&report.total]).map(|group| {
        let latency = |percent| {
            group.latency_percentile(percent).map(|ms| ms.to_string()).unwrap_or_default()
        };
        let usage = &group.usage;
        [
            group.key.clone(),
            group.calls.to_string(),
            group.cost.to_string(),
            usage.input.to_string(),
            usage.cached_input.to_string(),
            usage.output.to_string(),
            usage.reasoning.to_string(),
            group.fallbacks.to_string(),
            latency(50),
            latency(95),
        ]
    });
    spreadsheet::csv(std::iter::once(COLUMNS.map(String::from)).chain(rows))
}

fn group(group: &UsageGroup) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a displayed rate needs no more than 52 bits")]
    let rate = if group.calls == 0 { 0.0 } else { group.fallbacks as f64 / group.calls as f64 };
    json!({
        "key": group.key,
        "cost_usd": NanoUsd::as_usd_f64(group.cost),
        "calls": group.calls,
        "tokens": { "input": group.usage.input, "cached_input": group.usage.cached_input,
            "output": group.usage.output, "reasoning": group.usage.reasoning },
        "fallback_rate": rate,
        "latency_ms": { "p50": group.latency_percentile(50), "p95": group.latency_percentile(95) },
    })
}
