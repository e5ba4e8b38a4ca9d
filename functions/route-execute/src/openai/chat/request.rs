//! OpenAI's chat request, read into a call.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use domain::{catalog::Effort, digest, task_type::UNTYPED};
use ports::{
    ExecuteRequest, MessageRole, ModelMessage, OutputSchema, Tool, ToolCall, ToolChoice, Urgency,
};
use serde::Deserialize;
use serde_json::Value;
use service::{Caller, Problem};
use utoipa::ToSchema;

use crate::{
    call_request::{CallRequest, check},
    payer::business_of,
};

/// The part of OpenAI's request that is served. Sampling parameters are accepted and left out:
/// reasoning models refuse them. Anything else unknown is refused, not dropped in silence.
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
    #[schema(value_type = Vec<Object>)]
    tools: Vec<ChatTool>,
    #[schema(value_type = Option<Object>)]
    tool_choice: Option<Value>,
    #[serde(default)]
    pub(super) stream: bool,
    #[schema(value_type = Option<Object>)]
    stream_options: Option<StreamOptions>,
    /// Only 1 is served.
    n: Option<u32>,
    /// Groups requests that share a prompt prefix.
    prompt_cache_key: Option<String>,
    /// `flex` takes the half-price service where there is one; `auto` and `default` are usual
    /// service.
    service_tier: Option<String>,
    /// `task_type` routes by what the call is for; `cache_ttl_s` accepts an answer of that age.
    /// Others are left out.
    metadata: Option<BTreeMap<String, String>>,
    /// Accepted and left out, as are the fields below: clients always send them, and no served
    /// model needs them.
    #[serde(rename = "temperature")]
    _temperature: Option<f64>,
    #[serde(rename = "top_p")]
    _top_p: Option<f64>,
    #[serde(rename = "presence_penalty")]
    _presence_penalty: Option<f64>,
    #[serde(rename = "frequency_penalty")]
    _frequency_penalty: Option<f64>,
    #[serde(rename = "seed")]
    _seed: Option<i64>,
    #[serde(rename = "user")]
    _user: Option<String>,
    #[serde(rename = "safety_identifier")]
    _safety_identifier: Option<String>,
    #[serde(rename = "store")]
    _store: Option<bool>,
    #[serde(rename = "parallel_tool_calls")]
    _parallel_tool_calls: Option<bool>,
    #[serde(rename = "verbosity")]
    _verbosity: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatMessage {
    role: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    content: Value,
    #[schema(value_type = Option<Vec<Object>>)]
    tool_calls: Option<Vec<ChatToolCall>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ChatToolCall {
    id: String,
    function: CalledFunction,
}

#[derive(Debug, Deserialize)]
struct CalledFunction {
    name: String,
    arguments: String,
}

#[derive(Debug, Deserialize)]
struct ChatTool {
    #[serde(rename = "type")]
    kind: String,
    function: Option<OfferedFunction>,
}

#[derive(Debug, Deserialize)]
struct OfferedFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
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

impl ChatRequest {
    /// Whether the last chunk of a stream tells the usage.
    pub(super) fn includes_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }

    /// The call it asks for.
    pub(super) fn read(
        self,
        headers: &HeaderMap,
        caller: &Caller,
        key: Option<String>,
    ) -> Result<CallRequest, Problem> {
        if self.n.is_some_and(|n| n != 1) {
            return Err(Problem::invalid_field("n", "only n = 1 is served"));
        }
        if self.messages.is_empty() {
            return Err(Problem::invalid_field("messages", "messages must not be empty"));
        }
        let messages = self.messages.into_iter().enumerate().map(|(index, it)| message(index, it));
        let messages = messages.collect::<Result<_, _>>()?;
        let metadata = self.metadata.unwrap_or_default();
        let task_type = metadata.get("task_type").map_or(UNTYPED, String::as_str);
        let urgency = match self.service_tier.as_deref() {
            None | Some("auto" | "default") => None,
            Some("flex") => Some(Urgency::Low),
            Some(_) => {
                return Err(Problem::invalid_field(
                    "service_tier",
                    "auto, default and flex are served",
                ));
            }
        };
        let business = business_of(headers, caller)?;
        let asked = CallRequest {
            task: None,
            key,
            // Nobody shares another business's conversation, however alike their keys.
            session: self
                .prompt_cache_key
                .map(|key| digest(&[business.as_str(), &key]).chars().take(32).collect()),
            request: ExecuteRequest {
                reasoning_effort: self.reasoning_effort,
                urgency,
                model: Some(self.model),
                max_output_tokens: self.max_completion_tokens.or(self.max_tokens),
                response_schema: self.response_format.and_then(ResponseFormat::schema),
                tools: self.tools.into_iter().enumerate().map(tool).collect::<Result<_, _>>()?,
                tool_choice: self.tool_choice.map(|choice| tool_choice(&choice)).transpose()?,
                cache_ttl_s: metadata.get("cache_ttl_s").map(|ttl| seconds(ttl)).transpose()?,
                allow_downgrade: true,
                stream: self.stream,
                ..ExecuteRequest::new(business, task_type, messages)
            },
        };
        check(&asked.request)?;
        Ok(asked)
    }
}

impl ResponseFormat {
    fn schema(self) -> Option<OutputSchema> {
        match self {
            Self::Text => None,
            Self::JsonSchema { json_schema: NamedSchema { name, schema } } => {
                Some(OutputSchema { name, schema })
            }
        }
    }
}

fn seconds(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        Problem::invalid_field("metadata.cache_ttl_s", "must be a whole number of seconds")
    })
}

fn message(index: usize, message: ChatMessage) -> Result<ModelMessage, Problem> {
    let role = match message.role.as_str() {
        "system" | "developer" => MessageRole::System,
        "user" => MessageRole::User,
        "assistant" => MessageRole::Assistant,
        "tool" => MessageRole::Tool,
        _ => {
            let detail = "the role must be system, developer, user, assistant or tool";
            return Err(Problem::invalid_field(&format!("messages[{index}].role"), detail));
        }
    };
    let tool_calls = message.tool_calls.unwrap_or_default();
    let content = match message.content {
        Value::String(text) => Some(text),
        Value::Array(parts) => {
            let texts =
                parts.iter().map(|part| part["text"].as_str().filter(|_| part["type"] == "text"));
            texts.collect::<Option<Vec<_>>>().map(|texts| texts.join("\n"))
        }
        // An assistant that called a function or declined said nothing.
        Value::Null if role == MessageRole::Assistant => Some(String::new()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let content = content.ok_or_else(|| {
        Problem::invalid_field(
            &format!("messages[{index}].content"),
            "the content must be text, or parts of type text",
        )
    })?;
    if role == MessageRole::Tool && message.tool_call_id.is_none() {
        let detail = "a tool message names the call it answers";
        return Err(Problem::invalid_field(&format!("messages[{index}].tool_call_id"), detail));
    }
    let tool_calls = tool_calls.into_iter().map(|call| ToolCall {
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
    });
    Ok(ModelMessage {
        role,
        content,
        tool_calls: tool_calls.collect(),
        tool_call_id: message.tool_call_id,
    })
}

fn tool((index, tool): (usize, ChatTool)) -> Result<Tool, Problem> {
    let function = tool.function.filter(|_| tool.kind == "function");
    let function = function.ok_or_else(|| {
        Problem::invalid_field(&format!("tools[{index}]"), "only tools of type function are served")
    })?;
    Ok(Tool {
        name: function.name,
        description: function.description,
        parameters: function
            .parameters
            .unwrap_or_else(|| serde_json::json!({ "type": "object", "properties": {} })),
        strict: function.strict.unwrap_or(false),
    })
}

fn tool_choice(choice: &Value) -> Result<ToolChoice, Problem> {
    let named = choice["function"]["name"].as_str().filter(|_| choice["type"] == "function");
    match (choice.as_str(), named) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (_, Some(name)) => Ok(ToolChoice::Function(name.into())),
        _ => Err(Problem::invalid_field(
            "tool_choice",
            "auto, none, required or one function is served",
        )),
    }
}
