//! `POST /chat/completions`: request body and answer, for OpenAI-compatible servers.

mod stream;

use ports::{
    Finish, MessageRole, ModelAnswer, ModelMessage, ModelRequest, ProviderError, Tool, ToolCall,
    ToolChoice,
};
use serde_json::{Value, json};

use super::{cited, effort, role, usage};
use crate::{http::broke_off, http::unreadable, schema, tier};

pub(crate) use stream::ChatStream;

/// The request's body.
pub(super) fn body(request: &ModelRequest) -> Value {
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
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
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
        // Servers refuse a tool choice without tools.
        if let Some(choice) = &request.tool_choice {
            body["tool_choice"] = match choice {
                ToolChoice::Auto => "auto".into(),
                ToolChoice::None => "none".into(),
                ToolChoice::Required => "required".into(),
                ToolChoice::Function(name) => {
                    json!({ "type": "function", "function": { "name": name } })
                }
            };
        }
    }
    if let Some(tier) = tier::asked(request.service_tier) {
        body["service_tier"] = tier.into();
    }
    if let Some(key) = &request.cache_key {
        body["prompt_cache_key"] = key.as_str().into();
    }
    body
}

/// The body for a streamed answer.
pub(super) fn streamed(request: &ModelRequest) -> Value {
    let mut body = body(request);
    body["stream"] = true.into();
    body["stream_options"] = json!({ "include_usage": true });
    body
}

fn message(message: &ModelMessage) -> Value {
    match (message.role, &message.tool_call_id) {
        (MessageRole::Tool, Some(id)) => {
            json!({ "role": "tool", "tool_call_id": id, "content": message.content })
        }
        // A result without its call becomes a user message.
        (MessageRole::Tool, None) => json!({ "role": "user", "content": message.content }),
        (speaker, _) => {
            let mut out = json!({ "role": role(speaker), "content": message.content });
            if !message.tool_calls.is_empty() {
                out["tool_calls"] = message.tool_calls.iter().map(call).collect();
            }
            out
        }
    }
}

fn call(call: &ToolCall) -> Value {
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
}

fn tool(tool: &Tool) -> Value {
    let parameters =
        if tool.strict { schema::strict(&tool.parameters) } else { tool.parameters.clone() };
    let mut function = json!({ "name": tool.name, "parameters": parameters });
    if tool.strict {
        function["strict"] = true.into();
    }
    if let Some(description) = &tool.description {
        function["description"] = description.as_str().into();
    }
    json!({ "type": "function", "function": function })
}

/// Parses a finished completion.
pub(crate) fn parse(answer: &Value) -> Result<ModelAnswer, ProviderError> {
    // Gateways report failures under a successful status.
    if answer["error"].is_object() {
        return Err(broke_off(&answer["error"]));
    }
    let choice = &answer["choices"][0];
    let message = &choice["message"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls =
        message["tool_calls"].as_array().into_iter().flatten().enumerate().map(|(place, call)| {
            let (name, arguments) =
                (text(&call["function"]["name"]), text(&call["function"]["arguments"]));
            ToolCall { id: named(call["id"].as_str(), place), name, arguments }
        });
    let said = text(&message["content"]);
    let annotations = message["annotations"].as_array().into_iter().flatten();
    let citations = cited(annotations.map(|annotation| &annotation["url_citation"]), "", &said);
    let completion = Completion {
        refusal: text(&message["refusal"]),
        tool_calls: calls.collect(),
        citations,
        finish_reason: choice["finish_reason"].as_str().map(Into::into),
        about: About::default(),
        text: said,
    };
    let mut about = About::default();
    about.read(answer);
    Completion { about, ..completion }.answer()
}

/// The metadata of an answer.
#[derive(Default)]
struct About {
    id: Option<String>,
    model: Option<String>,
    service_tier: Option<String>,
    usage: Option<domain::usage::Usage>,
}

impl About {
    /// Reads the metadata of an answer or a chunk. Fields that it lacks stay unchanged.
    fn read(&mut self, answer: &Value) {
        let text =
            |field: &str| answer[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        self.id = text("id").or(self.id.take());
        self.model = text("model").or(self.model.take());
        self.service_tier = text("service_tier").or(self.service_tier.take());
        let details = ("prompt_tokens_details", "completion_tokens_details");
        self.usage =
            usage(&answer["usage"], ("prompt_tokens", "completion_tokens"), details).or(self.usage);
    }
}

/// A completion, whole or assembled from chunks.
#[derive(Default)]
struct Completion {
    text: String,
    refusal: String,
    tool_calls: Vec<ToolCall>,
    citations: Vec<ports::Citation>,
    finish_reason: Option<String>,
    about: About,
}

impl Completion {
    fn answer(self) -> Result<ModelAnswer, ProviderError> {
        let finish = match self.finish_reason.as_deref() {
            _ if !self.refusal.is_empty() => Finish::Refusal(self.refusal),
            Some("length") => Finish::Length,
            Some("content_filter") => Finish::Safety("content_filter".into()),
            _ if self.text.is_empty() && self.tool_calls.is_empty() => {
                return Err(unreadable("the answer holds no text"));
            }
            // Small servers give no finish reason for a whole answer.
            Some("stop" | "tool_calls" | "function_call") | None => Finish::Stop,
            // `error`, `abort` and other reasons by which gateways mark a broken answer.
            Some(_) => return Err(unreadable("the answer was broken off by the server")),
        };
        let model_served =
            self.about.model.ok_or_else(|| unreadable("the answer names no model"))?;
        Ok(ModelAnswer {
            finish,
            tool_calls: self.tool_calls,
            citations: self.citations,
            service_tier: tier::served(self.about.service_tier.as_deref()),
            provider_response_id: self.about.id,
            ..ModelAnswer::text(&model_served, self.text, self.about.usage)
        })
    }
}

/// Some servers give calls no ids; results still need one to be matched by.
fn named(id: Option<&str>, place: usize) -> String {
    id.filter(|id| !id.is_empty()).map_or_else(|| format!("call_{place}"), Into::into)
}
