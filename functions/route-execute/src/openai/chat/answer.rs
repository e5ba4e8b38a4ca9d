//! A call's answer in OpenAI's shapes.

use std::convert::Infallible;

use super::super::error::error_body;
use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use domain::catalog::ServiceTier;
use futures::{Stream, StreamExt as _, stream};
use ports::ExecuteResponse;
use serde::Serialize;
use serde_json::{Value, json};

use crate::live::Show;

const ASSISTANT: &str = "assistant";

fn finish_reason(response: &ExecuteResponse) -> &'static str {
    match response.finish.as_str() {
        "length" => "length",
        "safety" => "content_filter",
        "tool_calls" => "tool_calls",
        _ => "stop",
    }
}

/// A `chat.completion` or a `chat.completion.chunk`. Serialised as it is: a stream has many of
/// them.
#[derive(Serialize)]
struct Completion<'a, C> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [C],
    usage: Option<Usage>,
    #[serde(flatten)]
    ours: Option<Ours>,
}

/// What a whole completion says beside OpenAI's fields.
#[derive(Serialize)]
struct Ours {
    service_tier: &'static str,
    cost_usd: f64,
    cached: bool,
    simulated: bool,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: InputDetails,
    completion_tokens_details: OutputDetails,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

fn usage(response: &ExecuteResponse) -> Usage {
    let tokens = response.tokens;
    Usage {
        prompt_tokens: tokens.input,
        completion_tokens: tokens.output,
        total_tokens: tokens.input + tokens.output,
        prompt_tokens_details: InputDetails { cached_tokens: tokens.cached_input },
        completion_tokens_details: OutputDetails { reasoning_tokens: tokens.reasoning },
    }
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    finish_reason: &'static str,
    logprobs: (),
    message: Message<'a>,
}

/// What the assistant says: words or a refusal, tool calls, sources.
#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

fn message(response: &ExecuteResponse) -> Message<'_> {
    let is_refusal = response.finish == "refusal";
    let words = Some(response.response.as_str()).filter(|words| !words.is_empty());
    let annotations = response.citations.iter().map(|it| {
        json!({ "type": "url_citation", "url_citation":
            { "url": it.url, "title": it.title, "start_index": it.start, "end_index": it.end } })
    });
    Message {
        role: ASSISTANT,
        content: words.filter(|_| !is_refusal),
        refusal: words.filter(|_| is_refusal),
        tool_calls: (!response.tool_calls.is_empty()).then(|| tool_calls(response)),
        annotations: (!response.citations.is_empty()).then(|| annotations.collect()),
    }
}

#[derive(Serialize)]
struct Part<'a> {
    index: u32,
    finish_reason: Option<&'static str>,
    delta: Delta<'a>,
}

/// What a chunk adds to the message.
#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
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
    let choice = Choice {
        index: 0,
        finish_reason: finish_reason(response),
        logprobs: (),
        message: message(response),
    };
    let completion = Completion {
        id: &response.call_id,
        object: "chat.completion",
        created,
        model: &response.model_used,
        choices: &[choice],
        usage: Some(usage(response)),
        ours: Some(Ours {
            service_tier: service_tier(response),
            cost_usd: response.cost_usd.as_usd_f64(),
            cached: response.cached,
            simulated: response.simulated,
        }),
    };
    axum::Json(completion).into_response()
}

/// The completion in chunks, while it is generated. One that breaks off ends with an error and
/// without `[DONE]`.
pub(super) fn chunks(
    shows: impl Stream<Item = Show> + Send + 'static,
    (id, model): (String, String),
    created: i64,
    includes_usage: bool,
) -> Response {
    let chunks = Chunks { id, model, created, includes_usage, begun: false };
    let events = stream::unfold((Box::pin(shows), chunks), next);
    Sse::new(
        events.flat_map(stream::iter).map(|text| Ok::<_, Infallible>(Event::default().data(text))),
    )
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
        Show::Words(words) => {
            vec![chunks.delta(Delta { content: Some(&words), ..Delta::default() })]
        }
        Show::Refusal(words) => {
            vec![chunks.delta(Delta { refusal: Some(&words), ..Delta::default() })]
        }
        Show::Done(response) => chunks.end(&response),
        Show::Failed(problem) => vec![error_body(&problem).to_string()],
    };
    Some((texts, (shows, chunks)))
}

impl Chunks {
    fn chunk(&self, choices: &[Part<'_>], usage: Option<Usage>) -> String {
        let (id, model, created) = (self.id.as_str(), self.model.as_str(), self.created);
        let object = "chat.completion.chunk";
        let chunk = Completion { id, object, created, model, choices, usage, ours: None };
        serde_json::to_string(&chunk).unwrap_or_default()
    }

    fn delta(&mut self, mut delta: Delta<'_>) -> String {
        if !std::mem::replace(&mut self.begun, true) {
            delta.role = Some(ASSISTANT);
        }
        self.chunk(&[Part { index: 0, finish_reason: None, delta }], None)
    }

    fn end(&mut self, response: &ExecuteResponse) -> Vec<String> {
        let mut texts = Vec::new();
        self.model.clone_from(&response.model_used);
        if !self.begun {
            // Nothing was shown: the answer was stored before, or holds no words.
            let Message { content, refusal, tool_calls, annotations, .. } = message(response);
            texts.push(self.delta(Delta { role: None, content, refusal, tool_calls, annotations }));
        } else if !response.tool_calls.is_empty() {
            texts.push(
                self.delta(Delta { tool_calls: Some(tool_calls(response)), ..Delta::default() }),
            );
        }
        let finish_reason = Some(finish_reason(response));
        texts.push(self.chunk(&[Part { index: 0, finish_reason, delta: Delta::default() }], None));
        if self.includes_usage {
            texts.push(self.chunk(&[], Some(usage(response))));
        }
        texts.push("[DONE]".into());
        texts
    }
}
