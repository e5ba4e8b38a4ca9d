//! `POST /v1/execute`, and the explicit end of a running call.

use std::convert::Infallible;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::{BusinessId, CallId, TaskId, catalog::Capability};
use ports::{ExecuteRequest, ExecuteResponse};
use serde::Deserialize;
use service::{Caller, CallerRole, IdempotencyKey, Json, Problem};
use utoipa::ToSchema;

use crate::{
    AppState,
    call::{self, Asked},
};

/// The header by which another function names the task whose grant pays.
const TASK_HEADER: &str = "x-raptorflow-task";
const MOST_MESSAGES: usize = 200;
/// Deadlines that are accepted, in milliseconds; the default is the longest step of a phase.
const DEADLINE_MS: std::ops::RangeInclusive<u64> = 1_000..=600_000;

/// Makes one model call inside the business's budget.
#[utoipa::path(post, path = "/v1/execute", tag = "route-execute", request_body = ExecuteRequest,
    responses((status = 200, body = ExecuteResponse), (status = 402, description = "refused by budget or tier")))]
pub(crate) async fn execute(
    State(state): State<AppState>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    headers: HeaderMap,
    Json(request): Json<ExecuteRequest>,
) -> Result<Response, Problem> {
    caller.may_act_for(&request.business_id)?;
    check(&request)?;
    let asked = Asked {
        task: task_of(&headers, &caller)?,
        key,
        needs: if request.response_schema.is_some() { vec![Capability::StructuredOutput] } else { Vec::new() },
        request,
    };
    if asked.request.stream {
        return Ok(stream(state, asked).into_response());
    }
    call::make(&state, &asked).await.map(|response| Json(response).into_response())
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
    State(state): State<AppState>,
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
        return Err(Problem::new(StatusCode::FORBIDDEN, "service_only", detail).with("field", TASK_HEADER));
    }
    let task = value.to_str().ok().and_then(|text| TaskId::new(text).ok());
    task.map(Some).ok_or_else(|| Problem::invalid_field(TASK_HEADER, "is not a task id"))
}

fn check(request: &ExecuteRequest) -> Result<(), Problem> {
    let invalid = |field: &str, detail: &str| Err(Problem::invalid_field(field, detail));
    if request.messages.is_empty() || request.messages.len() > MOST_MESSAGES {
        return invalid("messages", "messages must hold 1 to 200 entries");
    }
    if request.messages.iter().all(|message| message.content.trim().is_empty()) {
        return invalid("messages", "every message is empty: say what the model should do");
    }
    if request.max_output_tokens == Some(0) {
        return invalid("max_output_tokens", "max_output_tokens must be at least 1");
    }
    if request.deadline_ms.is_some_and(|ms| !DEADLINE_MS.contains(&ms)) {
        return invalid("deadline_ms", "deadline_ms must lie between 1000 and 600000");
    }
    if let Some(schema) = &request.response_schema {
        let named = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if schema.name.is_empty() || schema.name.len() > 64 || !schema.name.bytes().all(named) {
            return invalid("response_schema.name", "the name must be 1 to 64 characters of A-Z a-z 0-9 _ -");
        }
        if schema.schema["type"] != "object" {
            return invalid("response_schema.schema", "the schema's root must have \"type\": \"object\"");
        }
        if let Err(error) = jsonschema::validator_for(&schema.schema) {
            return invalid("response_schema.schema", &format!("is no valid JSON schema: {error}"));
        }
    }
    Ok(())
}

/// The answer as events: `delta` with the text, then `completed` with the whole answer, or `error`. The text comes in
/// one piece once the call is settled: nothing is shown before it is stored.
fn stream(state: AppState, asked: Asked) -> impl IntoResponse {
    let made = service::in_trace(async move {
        let events = match call::make(&state, &asked).await {
            Ok(response) => vec![
                Event::default().event("delta").json_data(serde_json::json!({ "text": response.response })),
                Event::default().event("completed").json_data(&response),
            ],
            Err(problem) => vec![Event::default().event("error").json_data(problem.body())],
        };
        futures::stream::iter(events.into_iter().filter_map(Result::ok).map(Ok::<_, Infallible>))
    });
    Sse::new(futures::StreamExt::flatten(futures::stream::once(made))).keep_alive(KeepAlive::default())
}
