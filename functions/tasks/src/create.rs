//! `POST /v1/tasks`: turns a brief into a task, or answers with the questions that are open.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{BusinessId, NanoUsd, money::usd};
use marketing::brief::{Brief, Intake, intake};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{Caller, IdempotencyKey, Json, Problem};
use utoipa::ToSchema;
use workflow::{Submission, Submitted, documents::TaskInput};

use crate::AppState;

/// The default number of customer profiles.
const DEFAULT_ICPS: u32 = 5;
const LEAST_ICPS: u32 = 3;

/// The fields of a request besides the brief.
#[derive(Deserialize)]
struct Terms {
    business_id: BusinessId,
    icp_count: Option<u32>,
    #[serde(default, with = "usd::option")]
    max_cost_usd: Option<NanoUsd>,
}

/// An accepted task.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    task_id: String,
    /// Socket with live progress.
    ws_url: String,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    estimated_cost_usd: NanoUsd,
    status: &'static str,
}

impl Accepted {
    pub(crate) fn response(state: &AppState, submitted: &Submitted) -> Response {
        let accepted = Self {
            task_id: submitted.task.to_string(),
            ws_url: format!("{}/ws/task/{}", state.relay_url, submitted.task),
            estimated_cost_usd: submitted.expected,
            status: submitted.status.as_str(),
        };
        (StatusCode::ACCEPTED, Json(accepted)).into_response()
    }
}

/// Accepts a business brief for analysis.
#[utoipa::path(post, path = "/v1/tasks", tag = "tasks",
    request_body(content = Object, description = "the business brief with business_id, icp_count? and max_cost_usd?"),
    responses((status = 202, body = Accepted), (status = 402, description = "the budget or tier cannot carry it"),
        (status = 422, description = "the brief is too thin: questions")))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let terms: Map<String, Value> = ["business_id", "icp_count", "max_cost_usd"]
        .iter()
        .filter_map(|name| body.remove_entry(*name))
        .collect();
    let terms: Terms = service::from_value(Value::Object(terms))?;
    caller.may_act_for(&terms.business_id)?;
    let brief: Brief = service::from_value(Value::Object(body))?;
    let judged = intake(&brief, state.clock.now().date());
    if !judged.valid {
        return Err(too_thin(&judged));
    }
    let account = state.engine.ledger().admit(&terms.business_id).await?;
    let icp_count = terms.icp_count.unwrap_or(DEFAULT_ICPS.min(account.terms.max_icps));
    if icp_count < LEAST_ICPS {
        return Err(Problem::invalid_field("icp_count", "icp_count must be at least 3"));
    }
    let submission = Submission {
        input: TaskInput {
            brief,
            icp_count,
            positioning_option: None,
            regenerate: None,
            regenerate_part: None,
        },
        max_cost: terms.max_cost_usd,
        idempotency_key,
        derived_from: None,
    };
    let submitted = state.engine.submit(&account, &submission).await?;
    Ok(Accepted::response(&state, &submitted))
}

fn too_thin(judged: &Intake) -> Problem {
    let detail = "the brief is not enough to work on: answer the questions and send it again; nothing was spent";
    let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "brief_too_thin", detail);
    if let Ok(Value::Object(fields)) = serde_json::to_value(judged) {
        problem.fields = fields;
    }
    problem
}
