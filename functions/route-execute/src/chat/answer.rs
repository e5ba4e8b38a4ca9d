//! A call's answer in OpenAI's shapes.

use std::convert::Infallible;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::catalog::ServiceTier;
use futures::{Stream, StreamExt as _, stream};
use ports::ExecuteResponse;
use serde_json::{Value, json};
use service::Problem;

use crate::live::Show;

fn finish_reason(response: &ExecuteResponse) -> &'static str {
    match response.finish.as_str() {
        "length" => "length",
        "safety" => "content_filter",
        "tool_calls" => "tool_calls",
        _ => "stop",
    }
}

fn usage(response: &ExecuteResponse) -> Value {
    let tokens = response.tokens;
    json!({
        "prompt_tokens": tokens.input, "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": { "cached_tokens": tokens.cached_input },
        "completion_tokens_details": { "reasoning_tokens": tokens.reasoning },
    })
}

/// What the assistant says: words or a refusal, tool calls, sources.
fn message(response: &ExecuteResponse) -> Value {
    let is_refusal = response.finish == "refusal";
    let words = Some(&response.response).filter(|words| !words.is_empty());
    let mut message = json!({
        "role": "assistant",
        "content": words.filter(|_| !is_refusal),
        "refusal": words.filter(|_| is_refusal),
    });
    if !response.tool_calls.is_empty() {
        message["tool_calls"] = tool_calls(response);
    }
    if !response.citations.is_empty() {
        let annotations = response.citations.iter().map(|it| {
            json!({ "type": "url_citation", "url_citation":
                { "url": it.url, "title": it.title, "start_index": it.start, "end_index": it.end } })
        });
        message["annotations"] = annotations.collect();
    }
    message
}

fn tool_calls(response: &ExecuteResponse) -> Value {
    let calls = response.tool_calls.iter().enumerate();
    let calls = calls.map(|(index, call)| {
        json!({ "index": index, "id": call.id, "type": "function",
            "function": { "name": call.name, "arguments": call.arguments } })
    });
    calls.collect()
}

/// OpenAI's word for the service.
fn service_tier(response: &ExecuteResponse) -> &'static str {
    match response.service_tier {
        ServiceTier::Standard => "default",
        ServiceTier::Flex => "flex",
        ServiceTier::Priority => "priority",
    }
}

/// The whole completion.
pub(super) fn whole(response: &ExecuteResponse, created: i64) -> Response {
    let body = json!({
        "id": response.call_id, "object": "chat.completion", "created": created, "model": response.model_used,
        "service_tier": service_tier(response),
        "choices": [{ "index": 0, "finish_reason": finish_reason(response), "logprobs": null,
            "message": message(response) }],
        "usage": usage(response),
        "cost_usd": response.cost_usd.as_usd_f64(), "cached": response.cached, "simulated": response.simulated,
    });
    axum::Json(body).into_response()
}

/// The completion in chunks, while it is generated. One that breaks off ends with an error and without `[DONE]`.
pub(super) fn chunks(
    shows: impl Stream<Item = Show> + Send + 'static,
    (id, model): (String, String),
    created: i64,
    includes_usage: bool,
) -> Response {
    let chunks = Chunks { id, model, created, includes_usage, begun: false };
    let events = stream::unfold((Box::pin(shows), chunks), next);
    Sse::new(events.flat_map(stream::iter).map(|text| Ok::<_, Infallible>(Event::default().data(text))))
        .keep_alive(KeepAlive::default())
        .into_response()
}

struct Chunks {
    /// All chunks of a stream bear one id; the call's own is known only with its answer.
    id: String,
    model: String,
    created: i64,
    includes_usage: bool,
    begun: bool,
}

async fn next<S: Stream<Item = Show> + Unpin>(
    (mut shows, mut chunks): (S, Chunks),
) -> Option<(Vec<String>, (S, Chunks))> {
    let texts = match shows.next().await? {
        Show::Words(words) => vec![chunks.delta(&json!({ "content": words }))],
        Show::Refusal(words) => vec![chunks.delta(&json!({ "refusal": words }))],
        Show::Done(response) => chunks.end(&response),
        Show::Failed(problem) => vec![error_body(&problem).to_string()],
    };
    Some((texts, (shows, chunks)))
}

impl Chunks {
    fn chunk(&self, choices: &Value, usage: &Value) -> String {
        json!({ "id": self.id, "object": "chat.completion.chunk",
            "created": self.created, "model": self.model, "choices": choices, "usage": usage })
        .to_string()
    }

    fn delta(&mut self, content: &Value) -> String {
        let mut delta = content.clone();
        if !std::mem::replace(&mut self.begun, true) {
            delta["role"] = "assistant".into();
        }
        self.chunk(&json!([{ "index": 0, "finish_reason": null, "delta": delta }]), &Value::Null)
    }

    fn end(&mut self, response: &ExecuteResponse) -> Vec<String> {
        let mut texts = Vec::new();
        self.model.clone_from(&response.model_used);
        if !self.begun {
            // Nothing was shown: the answer was stored before, or holds no words.
            let mut delta = message(response);
            delta.as_object_mut().into_iter().for_each(|delta| delta.retain(|_, value| !value.is_null()));
            texts.push(self.delta(&delta));
        } else if !response.tool_calls.is_empty() {
            texts.push(self.delta(&json!({ "tool_calls": tool_calls(response) })));
        }
        let last = json!([{ "index": 0, "finish_reason": finish_reason(response), "delta": {} }]);
        texts.push(self.chunk(&last, &Value::Null));
        if self.includes_usage {
            texts.push(self.chunk(&json!([]), &usage(response)));
        }
        texts.push("[DONE]".into());
        texts
    }
}

fn error_body(problem: &Problem) -> Value {
    let kind = match problem.status.as_u16() {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        _ if problem.status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    };
    json!({ "error": {
        "message": problem.detail, "type": kind, "param": problem.fields.get("field"), "code": problem.code,
    }})
}

/// A problem in OpenAI's shape, with our code.
pub(crate) fn openai_error(problem: &Problem) -> Response {
    let mut answer = (problem.status, axum::Json(error_body(problem))).into_response();
    if let Some(seconds) = problem.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status == StatusCode::BAD_GATEWAY {
        // Every model was tried, and some of it may have been paid: OpenAI's clients must not ask again by themselves.
        answer.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
    }
    answer
}
