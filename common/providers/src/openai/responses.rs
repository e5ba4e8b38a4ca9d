//! `POST /responses`: request body and answer.

mod stream;

use ports::{
    Finish, MessageRole, ModelAnswer, ModelRequest, NextMove, ProviderError, Tool, ToolCall,
    ToolChoice,
};
use serde_json::{Value, json};

use super::{cited, effort, role, usage};
use crate::{
    http::{broke_off, failure, unreadable},
    schema, tier,
};

pub(crate) use stream::ResponseStream;

/// The request's body.
pub(super) fn body(request: &ModelRequest) -> Value {
    let is_system = |message: &&ports::ModelMessage| message.role == MessageRole::System;
    let instructions: Vec<&str> = request
        .messages
        .iter()
        .take_while(is_system)
        .map(|message| message.content.as_str())
        .collect();
    let input: Vec<Value> = request.messages[instructions.len()..].iter().flat_map(items).collect();
    let mut body = json!({
        "model": request.model,
        "input": input,
        "max_output_tokens": request.max_output_tokens,
        // Nothing is stored at the provider: the ledger stores every answer.
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
    let searches = (request.max_searches > 0).then(|| json!({ "type": "web_search" }));
    let tools: Vec<Value> = searches.into_iter().chain(request.tools.iter().map(tool)).collect();
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    if request.max_searches > 0 {
        body["max_tool_calls"] = request.max_searches.into();
    }
    if let Some(choice) = &request.tool_choice {
        body["tool_choice"] = match choice {
            ToolChoice::Auto => "auto".into(),
            ToolChoice::None => "none".into(),
            ToolChoice::Required => "required".into(),
            ToolChoice::Function(name) => json!({ "type": "function", "name": name }),
        };
    }
    // Also sent for the standard service: without it the provider uses the project's own setting,
    // which may cost more.
    body["service_tier"] = tier::asked(request.service_tier).unwrap_or("default").into();
    if let Some(key) = &request.cache_key {
        body["prompt_cache_key"] = key.as_str().into();
    }
    body
}

/// The body for a streamed answer.
pub(super) fn streamed(request: &ModelRequest) -> Value {
    let mut body = body(request);
    body["stream"] = true.into();
    body
}

/// The body for a background call, which the provider stores until it is fetched.
pub(super) fn background(request: &ModelRequest) -> Value {
    let mut body = body(request);
    body["background"] = true.into();
    body["store"] = true.into();
    body
}

/// One of our messages becomes several items of the API: the message, the calls it makes and the
/// result it brings.
fn items(message: &ports::ModelMessage) -> Vec<Value> {
    if let (MessageRole::Tool, Some(id)) = (message.role, &message.tool_call_id) {
        return vec![
            json!({ "type": "function_call_output", "call_id": id, "output": message.content }),
        ];
    }
    let calls = message.tool_calls.iter().map(
        |call| json!({ "type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments }),
    );
    let says_something = !message.content.is_empty() || message.tool_calls.is_empty();
    let collected =
        says_something.then(|| json!({ "role": spoken(message.role), "content": message.content }));
    collected.into_iter().chain(calls).collect()
}

/// The API's role for a speaker. A tool result without its call becomes user text, because there is
/// no role for it.
fn spoken(speaker: MessageRole) -> &'static str {
    match speaker {
        MessageRole::Tool => "user",
        MessageRole::System | MessageRole::User | MessageRole::Assistant => role(speaker),
    }
}

fn tool(tool: &Tool) -> Value {
    let parameters =
        if tool.strict { schema::strict(&tool.parameters) } else { tool.parameters.clone() };
    // `strict` is this API's default, and it refuses schemas that were not written for it.
    let mut out = json!({ "type": "function", "name": tool.name, "parameters": parameters, "strict": tool.strict });
    if let Some(description) = &tool.description {
        out["description"] = description.as_str().into();
    }
    out
}

/// The id of a background call that was started.
pub(super) fn id(answer: &Value) -> Result<String, ProviderError> {
    answer["id"].as_str().map(Into::into).ok_or_else(|| unreadable("the answer has no id"))
}

/// Parses a background call that may still be running.
pub(super) fn progress(answer: &Value) -> Result<Option<ModelAnswer>, ProviderError> {
    match answer["status"].as_str() {
        Some("queued" | "in_progress") => Ok(None),
        Some("cancelled") => cancelled(answer)?.map(Some).ok_or_else(|| {
            failure(
                "cancelled",
                "the response was cancelled",
                NextMove::Stop,
                ports::Billing::Unknown,
            )
        }),
        _ => parse(answer).map(Some),
    }
}

/// Parses a cancelled call: what it had generated, if its usage is known.
pub(super) fn cancelled(answer: &Value) -> Result<Option<ModelAnswer>, ProviderError> {
    match answer["status"].as_str() {
        Some("cancelled") if answer["usage"].is_object() => {
            // A cancelled answer is parsed like one that was cut for its length.
            let mut answer = answer.clone();
            answer["status"] = "incomplete".into();
            parse(&answer).map(Some)
        }
        Some("cancelled" | "queued" | "in_progress") => Ok(None),
        _ => parse(answer).map(Some),
    }
}

/// Parses a finished response. What was generated before a failure or a cut is still billed, and
/// reported.
pub(crate) fn parse(answer: &Value) -> Result<ModelAnswer, ProviderError> {
    let status = answer["status"].as_str().unwrap_or("completed");
    let mut collected = Collected::default();
    for item in answer["output"].as_array().into_iter().flatten() {
        collected.add_item(item);
    }
    let mut usage = usage(
        &answer["usage"],
        ("input_tokens", "output_tokens"),
        ("input_tokens_details", "output_tokens_details"),
    );
    if let Some(usage) = &mut usage {
        usage.searches = collected.searches;
    }
    let finish = match (status, collected.refusal) {
        ("completed" | "incomplete", Some(words)) => Finish::Refusal(words),
        ("completed", None) => Finish::Stop,
        ("incomplete", None) => match answer["incomplete_details"]["reason"].as_str() {
            Some("content_filter") => Finish::Safety("content_filter".into()),
            _ => Finish::Length,
        },
        (_, _) if answer["error"].is_object() => return Err(broke_off(&answer["error"])),
        (other, _) => {
            let message = format!("the response is {other:.40}");
            return Err(failure("failed", message, NextMove::NextModel, ports::Billing::Unknown));
        }
    };
    let model_served =
        answer["model"].as_str().ok_or_else(|| unreadable("the answer names no model"))?;
    if collected.text.is_empty() && collected.tool_calls.is_empty() && finish == Finish::Stop {
        return Err(unreadable("the answer holds no text"));
    }
    Ok(ModelAnswer {
        finish,
        tool_calls: collected.tool_calls,
        citations: collected.citations,
        service_tier: tier::served(answer["service_tier"].as_str()),
        provider_response_id: answer["id"].as_str().map(Into::into),
        ..ModelAnswer::text(model_served, collected.text, usage)
    })
}

/// The text, calls and citations collected from the items of a response.
#[derive(Default)]
struct Collected {
    text: String,
    refusal: Option<String>,
    tool_calls: Vec<ToolCall>,
    citations: Vec<ports::Citation>,
    searches: u64,
}

impl Collected {
    fn add_item(&mut self, item: &Value) {
        match item["type"].as_str() {
            Some("web_search_call") => self.searches += 1,
            Some("function_call") => {
                let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
                let (id, name, arguments) = (text("call_id"), text("name"), text("arguments"));
                self.tool_calls.push(ToolCall { id, name, arguments });
            }
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    self.read(part);
                }
            }
            // Reasoning and unknown item types: not text, but billed within the usage.
            _ => {}
        }
    }

    fn read(&mut self, part: &Value) {
        match part["type"].as_str() {
            Some("output_text") => {
                let text = part["text"].as_str().unwrap_or_default();
                let annotations = part["annotations"].as_array().into_iter().flatten();
                let sources = annotations.filter(|annotation| annotation["type"] == "url_citation");
                self.citations.extend(cited(sources, &self.text, text));
                self.text.push_str(text);
            }
            Some("refusal") => self.refusal = part["refusal"].as_str().map(Into::into),
            _ => {}
        }
    }
}
