//! `POST /chat/completions`: request body and answer, for OpenAI-compatible servers.

use ports::{Finish, ModelAnswer, ModelRequest, ProviderError};
use serde_json::{Value, json};

use super::{effort, role, schema, usage};
use crate::http::unreadable;

/// The request's body.
pub(super) fn body(request: &ModelRequest) -> Value {
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|message| json!({ "role": role(message.role), "content": message.content }))
        .collect();
    let mut body = json!({
        "model": request.model,
        "messages": messages,
        "max_completion_tokens": request.max_output_tokens,
    });
    if let Some(level) = request.effort {
        body["reasoning_effort"] = effort(level).into();
    }
    if let Some(wanted) = &request.schema {
        body["response_format"] = json!({ "type": "json_schema", "json_schema": {
            "name": wanted.name, "strict": true, "schema": schema::strict(&wanted.schema),
        }});
    }
    if let Some(key) = &request.cache_key {
        body["prompt_cache_key"] = key.as_str().into();
    }
    body
}

/// Reads a finished completion.
pub(super) fn parse(answer: &Value) -> Result<ModelAnswer, ProviderError> {
    let choice = &answer["choices"][0];
    let text = choice["message"]["content"].as_str().unwrap_or_default();
    let refusal = choice["message"]["refusal"].as_str().filter(|words| !words.is_empty());
    let finish = match (choice["finish_reason"].as_str(), refusal) {
        (_, Some(words)) => Finish::Refusal(words.into()),
        (Some("length"), None) => Finish::Length,
        (Some("content_filter"), None) => Finish::Safety("content_filter".into()),
        (_, None) if text.is_empty() => return Err(unreadable("the answer holds no text")),
        (_, None) => Finish::Stop,
    };
    let usage = usage(
        &answer["usage"],
        ("prompt_tokens", "completion_tokens"),
        ("prompt_tokens_details", "completion_tokens_details"),
    );
    let model_served = answer["model"].as_str().ok_or_else(|| unreadable("the answer names no model"))?;
    Ok(ModelAnswer {
        finish,
        provider_response_id: answer["id"].as_str().map(Into::into),
        ..ModelAnswer::text(model_served, text, usage)
    })
}
