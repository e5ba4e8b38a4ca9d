//! A checked request for one model call, and what identifies it. Independent of the rest of the
//! function.

mod check;

use domain::{TaskId, catalog::Capability, digest};
use ports::{ExecuteRequest, MessageRole as Role, ModelMessage as Message};
use serde::Serialize;
use serde_json::{Value, json};
use service::Problem;

pub(crate) use check::check;

/// A checked request for one model call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CallRequest {
    /// The task whose grant pays.
    pub(crate) task: Option<TaskId>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    /// What it shares its prompt prefix with: its task, or a conversation.
    pub(crate) session: Option<String>,
    /// The request as it was sent.
    pub(crate) request: ExecuteRequest,
}

impl CallRequest {
    /// What the model must be able to do.
    pub(crate) fn needs(&self) -> Vec<Capability> {
        let needs = [
            (self.request.response_schema.is_some(), Capability::StructuredOutput),
            (self.request.max_searches > 0, Capability::WebSearch),
            (!self.request.tools.is_empty(), Capability::Tools),
        ];
        needs.into_iter().filter_map(|(needed, capability)| needed.then_some(capability)).collect()
    }

    /// Whether the call ends by itself and not with its client: others may wait for its answer.
    pub(crate) fn is_detached(&self) -> bool {
        self.key.is_some() || self.cache_ttl_s().is_some()
    }

    /// A key says which call it is, and outranks the cache.
    pub(crate) fn cache_ttl_s(&self) -> Option<u32> {
        self.request.cache_ttl_s.filter(|ttl| *ttl > 0 && self.key.is_none())
    }
}

/// The owner of a key within its business: a task or a client.
pub(crate) fn origin(task: Option<&TaskId>) -> String {
    task.map_or_else(|| "client".into(), |task| format!("task:{task}"))
}

/// What identifies the request: everything but routing, deadline and stream.
pub(crate) fn request_hash(request: &ExecuteRequest) -> Result<String, Problem> {
    let content = serde_json::to_string(&Content::of(request));
    content
        .map(|content| digest(&[&content]))
        .map_err(|error| Problem::internal(&error.to_string()))
}

/// A request's content, each object's fields in the order of their names: stored calls have its
/// hash.
#[derive(Serialize)]
struct Content<'a> {
    max_output_tokens: Option<u64>,
    max_searches: u32,
    messages: Vec<Said<'a>>,
    schema: Option<Value>,
    task_type: &'a str,
    tool_choice: Option<Value>,
    tools: Value,
}

#[derive(Serialize)]
struct Said<'a> {
    content: &'a str,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
}

impl<'a> Content<'a> {
    fn of(request: &'a ExecuteRequest) -> Self {
        let said = |message: &'a Message| Said {
            content: &message.content,
            role: message.role,
            tool_call_id: message.tool_call_id.as_deref(),
            tool_calls: (!message.tool_calls.is_empty()).then(|| json!(message.tool_calls)),
        };
        Self {
            max_output_tokens: request.max_output_tokens,
            max_searches: request.max_searches,
            messages: request.messages.iter().map(said).collect(),
            schema: request.response_schema.as_ref().map(|schema| json!(schema)),
            task_type: &request.task_type,
            tool_choice: request.tool_choice.as_ref().map(|choice| json!(choice)),
            tools: json!(request.tools),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::BusinessId;
    use ports::{Tool, ToolCall, ToolChoice};

    use super::*;

    /// As the releases before wrote it: a key that was used under one of them is the same request
    /// today.
    fn before(request: &ExecuteRequest) -> String {
        let content = json!({
            "task_type": request.task_type,
            "messages": request.messages,
            "schema": request.response_schema,
            "max_output_tokens": request.max_output_tokens,
            "max_searches": request.max_searches,
            "tools": request.tools,
            "tool_choice": request.tool_choice,
        });
        digest(&[&content.to_string()])
    }

    #[test]
    fn the_request_hash_matches_stored_calls() {
        let business = BusinessId::new("acme").unwrap();
        let mut request =
            ExecuteRequest::new(business, "x", vec![Message::text(Role::User, "\"é\n")]);
        assert_eq!(request_hash(&request).unwrap(), before(&request));
        let call = ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() };
        request
            .messages
            .push(Message { tool_calls: vec![call], ..Message::text(Role::Assistant, "") });
        request
            .messages
            .push(Message { tool_call_id: Some("1".into()), ..Message::text(Role::Tool, "found") });
        request.max_output_tokens = Some(7);
        request.max_searches = 2;
        request.response_schema = Some(ports::OutputSchema {
            name: "n".into(),
            schema: json!({ "type": "object", "properties": {} }),
        });
        let parameters = json!({ "type": "object", "required": [] });
        let tool =
            Tool { name: "look".into(), description: Some("d".into()), parameters, strict: true };
        request.tools = vec![tool];
        for choice in [ToolChoice::Required, ToolChoice::Function("look".into())] {
            request.tool_choice = Some(choice);
            assert_eq!(request_hash(&request).unwrap(), before(&request));
        }
    }
}
