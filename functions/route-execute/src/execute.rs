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
use domain::{BusinessId, CallId};
use futures::{Stream, StreamExt as _};
use ports::{ExecuteRequest, ExecuteResponse};
use serde::Deserialize;
use service::{Caller, IdempotencyKey, Json, Problem};
use utoipa::ToSchema;

use crate::{
    AppState, call,
    call_request::{CallRequest, check, origin},
    live::{Live, Show},
    payer::task_of,
    watch::watch,
};

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
    let asked = CallRequest { task, key, session, request };
    if asked.request.stream {
        return Ok(stream(watch(state, asked).await?).into_response());
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
    let id = CallId::derive(&request.business_id, &origin(task.as_ref()), &request.key, 0);
    state.ledger.request_cancel(&id).await?;
    Ok(StatusCode::ACCEPTED)
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
