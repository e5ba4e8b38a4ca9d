//! `POST /v1/execute`, and the explicit end of a running call.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::{BusinessId, CallId, TaskId};
use futures::{Stream, StreamExt as _};
use ports::{ExecuteRequest, ExecuteResponse, ModelMessage, ToolChoice};
use serde::Deserialize;
use service::{Caller, CallerRole, IdempotencyKey, Json, Problem};
use utoipa::ToSchema;

use crate::{
    AppState,
    call::{self, Asked},
    live::{self, Live, Show},
    structured,
};

/// The header by which another function names the task whose grant pays.
const TASK_HEADER: &str = "x-raptorflow-task";
const MOST_MESSAGES: usize = 200;
const MOST_TOOLS: usize = 64;
const TOO_LARGE: &str =
    "contains itself or is larger than 128 KiB once its references are written out";
const MOST_SEARCHES: u32 = 10;
/// The longest that an answer may be taken from the cache: a day, in seconds.
const MOST_CACHE_S: u32 = 86_400;
/// Deadlines that are accepted, in milliseconds; the default is the longest step of a phase.
const DEADLINE_MS: std::ops::RangeInclusive<u64> = 1_000..=600_000;

/// Makes one model call inside the business's budget.
#[utoipa::path(post, path = "/v1/execute", tag = "route-execute", request_body = ExecuteRequest,
    responses((status = 200, body = ExecuteResponse), (status = 402, description = "refused by budget or tier")))]
pub(crate) async fn execute(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    headers: HeaderMap,
    Json(request): Json<ExecuteRequest>,
) -> Result<Response, Problem> {
    caller.may_act_for(&request.business_id)?;
    check(&request)?;
    let task = task_of(&headers, &caller)?;
    let session = task.as_ref().map(ToString::to_string);
    let asked = Asked { task, key, session, request };
    if asked.request.stream {
        return Ok(stream(live::watch(state, asked).await?).into_response());
    }
    call::make(&state, asked, Live::default()).await.map(|response| Json(response).into_response())
}

/// The call of a key that should end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRequest {
    /// Whose call.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// Its Idempotency-Key.
    key: String,
}

/// Asks for a running keyed call to end; one that is over is left alone.
#[utoipa::path(post, path = "/v1/calls/cancel", tag = "route-execute", request_body = CancelRequest,
    responses((status = 202, description = "asked for")))]
pub(crate) async fn cancel(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
    Json(request): Json<CancelRequest>,
) -> Result<StatusCode, Problem> {
    caller.may_act_for(&request.business_id)?;
    let task = task_of(&headers, &caller)?;
    let id = CallId::derive(&request.business_id, &call::origin(task.as_ref()), &request.key, 0);
    state.ledger.request_cancel(&id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// The task that pays: only other functions may name one.
pub(crate) fn task_of(headers: &HeaderMap, caller: &Caller) -> Result<Option<TaskId>, Problem> {
    let Some(value) = headers.get(TASK_HEADER) else { return Ok(None) };
    if caller.role != CallerRole::Service {
        let detail = "only another function may spend a task's grant";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, "service_only", detail).with("field", TASK_HEADER)
        );
    }
    let task = value.to_str().ok().and_then(|text| TaskId::new(text).ok());
    task.map(Some).ok_or_else(|| Problem::invalid_field(TASK_HEADER, "is not a task id"))
}

pub(crate) fn check(request: &ExecuteRequest) -> Result<(), Problem> {
    let invalid = |field: &str, detail: &str| Err(Problem::invalid_field(field, detail));
    if request.messages.is_empty() || request.messages.len() > MOST_MESSAGES {
        return invalid("messages", "messages must hold 1 to 200 entries");
    }
    let is_empty =
        |message: &ModelMessage| message.content.trim().is_empty() && message.tool_calls.is_empty();
    if request.messages.iter().all(is_empty) {
        return invalid("messages", "every message is empty: say what the model should do");
    }
    if request.max_output_tokens == Some(0) {
        return invalid("max_output_tokens", "max_output_tokens must be at least 1");
    }
    if request.deadline_ms.is_some_and(|ms| !DEADLINE_MS.contains(&ms)) {
        return invalid("deadline_ms", "deadline_ms must lie between 1000 and 600000");
    }
    if request.max_searches > MOST_SEARCHES {
        return invalid("max_searches", "max_searches must be at most 10");
    }
    if request.cache_ttl_s.is_some_and(|ttl| ttl > MOST_CACHE_S) {
        return invalid("cache_ttl_s", "cache_ttl_s must be at most 86400 (a day)");
    }
    check_tools(request)?;
    if let Some(schema) = &request.response_schema {
        if !is_name(&schema.name) {
            return invalid(
                "response_schema.name",
                "the name must be 1 to 64 characters of A-Z a-z 0-9 _ -",
            );
        }
        if schema.schema["type"] != "object" {
            return invalid(
                "response_schema.schema",
                "the schema's root must have \"type\": \"object\"",
            );
        }
        if structured::written_out(&schema.schema).is_none() {
            return invalid("response_schema.schema", TOO_LARGE);
        }
        if let Err(error) = jsonschema::validator_for(&schema.schema) {
            return invalid("response_schema.schema", &format!("is no valid JSON schema: {error}"));
        }
    }
    Ok(())
}

/// A name as providers take it for schemas and functions.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn check_tools(request: &ExecuteRequest) -> Result<(), Problem> {
    if request.tools.len() > MOST_TOOLS {
        return Err(Problem::invalid_field("tools", "tools must hold at most 64 functions"));
    }
    for (index, tool) in request.tools.iter().enumerate() {
        if !is_name(&tool.name) {
            let detail = "the name must be 1 to 64 characters of A-Z a-z 0-9 _ -";
            return Err(Problem::invalid_field(&format!("tools[{index}].name"), detail));
        }
        if structured::written_out(&tool.parameters).is_none() {
            return Err(Problem::invalid_field(&format!("tools[{index}].parameters"), TOO_LARGE));
        }
        if !tool.parameters.is_object() || jsonschema::validator_for(&tool.parameters).is_err() {
            let detail = "the parameters must be a valid JSON schema of an object";
            return Err(Problem::invalid_field(&format!("tools[{index}].parameters"), detail));
        }
    }
    match &request.tool_choice {
        Some(ToolChoice::Function(name)) if request.tools.iter().all(|tool| tool.name != *name) => {
            Err(Problem::invalid_field("tool_choice", "names a function that tools does not hold"))
        }
        Some(ToolChoice::Required) if request.tools.is_empty() => Err(Problem::invalid_field(
            "tool_choice",
            "required needs at least one function in tools",
        )),
        _ => Ok(()),
    }
}

/// The answer as events: `delta` with words as they are generated, then `completed` with the whole
/// stored answer, or `error`. A stream without `completed` is no answer.
fn stream(shows: impl Stream<Item = Show> + Send + 'static) -> impl IntoResponse {
    let event = |show: Show| match show {
        // The whole answer says that it is a refusal.
        Show::Words(text) | Show::Refusal(text) => {
            Event::default().event("delta").json_data(serde_json::json!({ "text": text }))
        }
        Show::Done(response) => Event::default().event("completed").json_data(&response),
        Show::Failed(problem) => Event::default().event("error").json_data(problem.body()),
    };
    Sse::new(shows.map(event)).keep_alive(KeepAlive::default())
}
