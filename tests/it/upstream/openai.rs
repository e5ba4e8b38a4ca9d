//! `POST /v1/responses`, whole and as events.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract,
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{AnswerContent, Refused, State};

/// The number of deltas in a streamed answer.
const DELTAS: usize = 8;

pub(super) async fn respond(
    extract::State(state): extract::State<Arc<State>>,
    Json(body): Json<Value>,
) -> Result<Response, Refused> {
    let texts: Vec<&str> = body["input"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["content"].as_str())
        .collect();
    let texts: Vec<&str> = body["instructions"].as_str().into_iter().chain(texts).collect();
    let asked = (
        body["model"].as_str().unwrap_or_default(),
        body["max_output_tokens"].as_u64().unwrap_or(100_000),
    );
    let (said, is_endless) = state.take(&body, &state.openai, asked, &texts, true)?;
    if body["stream"] == true {
        Ok(streamed(&said, is_endless))
    } else {
        Ok(Json(response(&said)).into_response())
    }
}

/// The response object of a finished answer; one that was cut at its bound is incomplete.
pub(crate) fn response(said: &AnswerContent) -> Value {
    let (is_cut, input, output) = (said.is_cut, said.usage.input, said.usage.output);
    json!({
        "id": said.id, "object": "response", "created_at": 1_763_800_000, "model": said.model,
        "status": if is_cut { "incomplete" } else { "completed" },
        "incomplete_details": is_cut.then(|| json!({ "reason": "max_output_tokens" })),
        "error": null,
        "output": [{ "id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "text": said.text, "annotations": [] }] }],
        "usage": {
            "input_tokens": input, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": output, "output_tokens_details": { "reasoning_tokens": said.usage.reasoning },
            "total_tokens": input + output,
        },
        "service_tier": "default",
    })
}

fn streamed(said: &AnswerContent, is_endless: bool) -> Response {
    let words: Vec<&str> = said.text.split_inclusive(' ').collect();
    let deltas = words.chunks(words.len().div_ceil(DELTAS)).map(|words| {
        json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": words.concat() })
    });
    let started = json!({ "type": "response.created", "response": { "id": said.id, "status": "in_progress" } });
    let events = std::iter::once(started).chain(deltas);
    if is_endless {
        // Sends the first words and keeps the connection open: everything is generated, even
        // without a reader.
        let begun: Vec<_> = events.take(3).map(|event| sent(&event)).collect();
        return sse(Body::from_stream(
            stream::iter(begun).chain(stream::pending()).map(Ok::<_, Infallible>),
        ));
    }
    let response = response(said);
    let end = json!({ "type": format!("response.{}", response["status"].as_str().unwrap()), "response": response });
    sse(Body::from(events.chain([end]).map(|event| sent(&event)).collect::<String>()))
}

fn sent(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
}

fn sse(body: Body) -> Response {
    ([("content-type", "text/event-stream")], body).into_response()
}
