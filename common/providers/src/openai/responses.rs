//! `POST /responses`: request body and answer.

use ports::{Finish, MessageRole, ModelAnswer, ModelRequest, NextMove, ProviderError};
use serde_json::{Value, json};

use super::{effort, role, schema, usage};
use crate::http::{failure, unreadable};

/// The request's body.
pub(super) fn body(request: &ModelRequest) -> Value {
    let is_system = |message: &&ports::ModelMessage| message.role == MessageRole::System;
    let instructions: Vec<&str> =
        request.messages.iter().take_while(is_system).map(|message| message.content.as_str()).collect();
    let input: Vec<Value> = request.messages[instructions.len()..]
        .iter()
        .map(|message| json!({ "role": role(message.role), "content": message.content }))
        .collect();
    let mut body = json!({
        "model": request.model,
        "input": input,
        "max_output_tokens": request.max_output_tokens,
        // Nothing is kept at the provider: the ledger keeps every answer.
        "store": false,
    });
    if !instructions.is_empty() {
        body["instructions"] = instructions.join("\n\n").into();
    }
    if let Some(level) = request.effort {
        body["reasoning"] = json!({ "effort": effort(level) });
    }
    if let Some(wanted) = &request.schema {
        body["text"] = json!({ "format": {
            "type": "json_schema", "name": wanted.name, "strict": true, "schema": schema::strict(&wanted.schema),
        }});
    }
    if request.max_searches > 0 {
        body["tools"] = json!([{ "type": "web_search" }]);
        body["max_tool_calls"] = request.max_searches.into();
    }
    if let Some(key) = &request.cache_key {
        body["prompt_cache_key"] = key.as_str().into();
    }
    body
}

/// Reads a finished response. What was generated before it failed or was cut is still billed, and reported.
pub(super) fn parse(answer: &Value) -> Result<ModelAnswer, ProviderError> {
    let status = answer["status"].as_str().unwrap_or("completed");
    let (mut text, mut refusal, mut searches) = (String::new(), None, 0);
    for item in answer["output"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("web_search_call") => searches += 1,
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    match part["type"].as_str() {
                        Some("output_text") => text.push_str(part["text"].as_str().unwrap_or_default()),
                        Some("refusal") => refusal = part["refusal"].as_str().map(Into::into),
                        _ => {}
                    }
                }
            }
            // Reasoning and whatever item types come: not text, but billed within the usage.
            _ => {}
        }
    }
    let mut usage =
        usage(&answer["usage"], ("input_tokens", "output_tokens"), ("input_tokens_details", "output_tokens_details"));
    if let Some(usage) = &mut usage {
        usage.searches = searches;
    }
    let finish = match (status, refusal) {
        (_, Some(words)) => Finish::Refusal(words),
        ("completed", None) => Finish::Stop,
        ("incomplete", None) => match answer["incomplete_details"]["reason"].as_str() {
            Some("content_filter") => Finish::Safety("content_filter".into()),
            _ => Finish::Length,
        },
        (other, None) => return Err(failed(other, answer)),
    };
    let model_served = answer["model"].as_str().ok_or_else(|| unreadable("the answer names no model"))?;
    if text.is_empty() && finish == Finish::Stop {
        return Err(unreadable("the answer holds no text"));
    }
    Ok(ModelAnswer {
        finish,
        provider_response_id: answer["id"].as_str().map(Into::into),
        ..ModelAnswer::text(model_served, text, usage)
    })
}

fn failed(status: &str, answer: &Value) -> ProviderError {
    let code = answer["error"]["code"].as_str().unwrap_or("failed");
    let message = answer["error"]["message"].as_str().unwrap_or("the provider gave no reason");
    let message = format!("the response is {status}: {message}");
    let next = if code == "rate_limit_exceeded" || code == "server_error" {
        NextMove::Retry { after: None }
    } else {
        NextMove::NextModel
    };
    failure(code, message, next, ports::Billing::Unknown)
}
