//! `POST /v1/chat/completions`: OpenAI's shape over the same calls, so that any OpenAI client works
//! by its base URL.

mod answer;
mod request;

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use service::{Caller, IdempotencyKey, Problem};

use request::ChatRequest;

use super::error::openai_error;
use crate::{AppState, call, live::Live, watch::watch};

/// An OpenAI-compatible chat completion inside the caller's budget.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "route-execute", request_body = ChatRequest,
    responses((status = 200, description = "OpenAI's chat.completion object, or its chunks as events")))]
pub(crate) async fn completions(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
    key: Result<IdempotencyKey, Problem>,
    body: Result<service::Json<ChatRequest>, Problem>,
) -> Response {
    let handled = async {
        let service::Json(request) = body?;
        let caller = caller?;
        let (stream, includes_usage) = (request.stream, request.includes_usage());
        let asked = request.read(&headers, &caller, key?.0)?;
        let created = state.clock.now().unix_ms() / 1000;
        if !stream {
            return Ok(answer::whole(&call::make(&state, asked, Live::default()).await?, created));
        }
        let named = (
            format!("chatcmpl-{}", state.ids.next()),
            asked.request.model.clone().unwrap_or_default(),
        );
        Ok::<_, Problem>(answer::chunks(watch(state, asked).await?, named, created, includes_usage))
    };
    handled.await.unwrap_or_else(|problem| openai_error(&problem))
}
