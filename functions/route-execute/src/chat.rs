//! `POST /v1/chat/completions`: OpenAI's shape over the same calls, so that any OpenAI client works by its base URL.

use std::convert::Infallible;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::{
    catalog::{Capability, Effort},
    task_type::UNTYPED,
};
use ports::{ExecuteRequest, ExecuteResponse, MessageRole, ModelMessage, OutputSchema};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Caller, IdempotencyKey, Problem};
use utoipa::ToSchema;

use crate::{
    AppState,
    call::{self, Asked},
    embeddings::business_of,
};

/// The part of OpenAI's request that is served. Sampling parameters are accepted and left out: reasoning models refuse
/// them. Anything else unknown is refused, not dropped in silence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    /// `auto`, a role, or a model's id.
    model: String,
    /// The conversation; contents are text.
    messages: Vec<ChatMessage>,
    max_completion_tokens: Option<u64>,
    /// The older name of the bound.
    max_tokens: Option<u64>,
    #[schema(value_type = Option<String>)]
    reasoning_effort: Option<Effort>,
    #[schema(value_type = Option<Object>)]
    response_format: Option<ResponseFormat>,
    #[serde(default)]
    stream: bool,
    #[schema(value_type = Option<Object>)]
    stream_options: Option<StreamOptions>,
    /// Only 1 is served.
    n: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    user: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    store: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatMessage {
    role: String,
    #[schema(value_type = Object)]
    content: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    JsonSchema { json_schema: NamedSchema },
}

#[derive(Debug, Deserialize)]
struct NamedSchema {
    name: String,
    schema: Value,
}

/// An OpenAI-compatible chat completion inside the caller's budget.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "route-execute", request_body = ChatRequest,
    responses((status = 200, description = "OpenAI's chat.completion object, or its chunks as events")))]
pub(crate) async fn completions(
    State(state): State<AppState>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
    key: Result<IdempotencyKey, Problem>,
    body: Result<service::Json<ChatRequest>, Problem>,
) -> Response {
    let handled = async {
        let service::Json(request) = body?;
        let caller = caller?;
        let include_usage = request.stream_options.as_ref().is_some_and(|options| options.include_usage);
        let stream = request.stream;
        let asked = asked(request, &headers, &caller, key?.0)?;
        let response = call::make(&state, &asked).await?;
        Ok::<_, Problem>(if stream { chunks(&response, include_usage) } else { whole(&response) })
    };
    handled.await.unwrap_or_else(|problem| openai_error(&problem))
}

fn asked(request: ChatRequest, headers: &HeaderMap, caller: &Caller, key: Option<String>) -> Result<Asked, Problem> {
    if request.n.is_some_and(|n| n != 1) {
        return Err(Problem::invalid_field("n", "only n = 1 is served"));
    }
    if request.messages.is_empty() {
        return Err(Problem::invalid_field("messages", "messages must not be empty"));
    }
    // Accepted for the sake of clients that always send them.
    let _ = (request.temperature, request.top_p, request.user, request.metadata, request.store);
    let messages = request.messages.into_iter().enumerate().map(|(index, it)| message(index, it));
    let response_schema = match request.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonSchema { json_schema: NamedSchema { name, schema } }) => {
            if schema["type"] != "object" || jsonschema::validator_for(&schema).is_err() {
                let detail = "the schema must be a valid JSON schema of an object";
                return Err(Problem::invalid_field("response_format.json_schema.schema", detail));
            }
            Some(OutputSchema { name, schema })
        }
    };
    Ok(Asked {
        task: None,
        key,
        needs: if response_schema.is_some() { vec![Capability::StructuredOutput] } else { Vec::new() },
        request: ExecuteRequest {
            reasoning_effort: request.reasoning_effort,
            model: Some(request.model),
            max_output_tokens: request.max_completion_tokens.or(request.max_tokens),
            response_schema,
            allow_downgrade: true,
            ..ExecuteRequest::new(business_of(headers, caller)?, UNTYPED, messages.collect::<Result<_, _>>()?)
        },
    })
}

fn message(index: usize, message: ChatMessage) -> Result<ModelMessage, Problem> {
    let role = match message.role.as_str() {
        "system" | "developer" => MessageRole::System,
        "user" => MessageRole::User,
        "assistant" => MessageRole::Assistant,
        _ => {
            let detail = "the role must be system, developer, user or assistant";
            return Err(Problem::invalid_field(&format!("messages[{index}].role"), detail));
        }
    };
    let content = match message.content {
        Value::String(text) => Some(text),
        Value::Array(parts) => {
            let texts = parts.iter().map(|part| part["text"].as_str().filter(|_| part["type"] == "text"));
            texts.collect::<Option<Vec<_>>>().map(|texts| texts.join("\n"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let content = content.ok_or_else(|| {
        Problem::invalid_field(&format!("messages[{index}].content"), "the content must be text, or parts of type text")
    })?;
    Ok(ModelMessage::text(role, content))
}

fn finish_reason(response: &ExecuteResponse) -> &'static str {
    match response.finish.as_str() {
        "length" => "length",
        "safety" => "content_filter",
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

fn whole(response: &ExecuteResponse) -> Response {
    let body = json!({
        "id": response.call_id, "object": "chat.completion", "created": 0, "model": response.model_used,
        "choices": [{ "index": 0, "finish_reason": finish_reason(response),
            "message": { "role": "assistant", "content": response.response, "refusal": null } }],
        "usage": usage(response),
        "cost_usd": response.cost_usd.as_usd_f64(), "simulated": response.simulated,
    });
    axum::Json(body).into_response()
}

/// The answer as OpenAI's chunks. The text comes in one piece once the call is settled.
fn chunks(response: &ExecuteResponse, include_usage: bool) -> Response {
    let chunk = |choices: Value, usage: Value| {
        json!({ "id": response.call_id, "object": "chat.completion.chunk", "created": 0,
            "model": response.model_used, "choices": choices, "usage": usage })
    };
    let delta =
        json!([{ "index": 0, "finish_reason": null, "delta": { "role": "assistant", "content": response.response } }]);
    let last = json!([{ "index": 0, "finish_reason": finish_reason(response), "delta": {} }]);
    let mut events = vec![chunk(delta, Value::Null), chunk(last, Value::Null)];
    if include_usage {
        events.push(chunk(json!([]), usage(response)));
    }
    let texts = events.iter().map(ToString::to_string).chain(["[DONE]".to_owned()]).collect::<Vec<_>>();
    let events = texts.into_iter().map(|text| Ok::<_, Infallible>(Event::default().data(text)));
    Sse::new(futures::stream::iter(events)).keep_alive(KeepAlive::default()).into_response()
}

/// A problem in OpenAI's shape, with our code.
pub(crate) fn openai_error(problem: &Problem) -> Response {
    let kind = if problem.status.is_client_error() { "invalid_request_error" } else { "server_error" };
    let body = json!({ "error": {
        "message": problem.detail, "type": kind, "param": problem.fields.get("field"), "code": problem.code,
    }});
    (problem.status, axum::Json(body)).into_response()
}
