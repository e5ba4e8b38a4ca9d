//! Requests for tests: a typical one, and all combinations.

use std::time::Duration;

use domain::catalog::{Effort, ServiceTier};
use ports::{MessageRole, ModelMessage, ModelRequest, OutputSchema, Tool, ToolCall, ToolChoice};
use serde_json::json;

/// A typical request: instructions, a question, structured output, low effort.
pub(crate) fn request(model: &str) -> ModelRequest {
    let message = |role, content: &str| ModelMessage::text(role, content);
    let messages =
        vec![message(MessageRole::System, "Be brief."), message(MessageRole::User, "Who buys?")];
    ModelRequest {
        effort: Some(Effort::Low),
        schema: Some(schema()),
        cache_key: Some("task-1".into()),
        timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(3),
        ..ModelRequest::new(model, "icp_generation", messages, 900)
    }
}

fn schema() -> OutputSchema {
    let schema =
        json!({"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]});
    OutputSchema { name: "icps".into(), schema }
}

/// A function with a schema that strict mode must rewrite.
pub(crate) fn tool(name: &str, strict: bool) -> Tool {
    let properties = json!({ "city": { "type": "string", "minLength": 1 }, "size": { "enum": ["big", "small"] } });
    let parameters = json!({ "type": "object", "properties": properties, "required": ["city"] });
    Tool {
        name: name.into(),
        description: strict.then(|| "Finds a port.".into()),
        parameters,
        strict,
    }
}

/// A function call by a model.
fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

/// A conversation with calls, results, and instructions in its middle.
fn conversation() -> Vec<ModelMessage> {
    let message = |role, content: &str| ModelMessage::text(role, content);
    let result = |id: &str, content: &str| ModelMessage {
        tool_call_id: Some(id.into()),
        ..message(MessageRole::Tool, content)
    };
    let calls = vec![
        call("call_1", "find_port", r#"{"city":"Rotterdam"}"#),
        call("call_2", "list", "not json"),
    ];
    vec![
        message(MessageRole::System, "Be brief."),
        message(MessageRole::System, "Be kind."),
        message(MessageRole::User, "Which port?"),
        ModelMessage { tool_calls: calls, ..message(MessageRole::Assistant, "") },
        result("call_1", r#"{"port":"Rotterdam"}"#),
        result("call_2", "plain words"),
        result("call_9", "nobody asked"),
        message(MessageRole::System, "Be quick."),
        message(MessageRole::Assistant, "Rotterdam."),
        message(MessageRole::User, "Sure?"),
    ]
}

/// Every combination of what a request may ask for.
pub(crate) fn every_request(models: &[&str]) -> Vec<ModelRequest> {
    let mut requests = Vec::new();
    let efforts =
        [None, Some(Effort::None), Some(Effort::Minimal), Some(Effort::Low), Some(Effort::Medium)];
    let efforts =
        efforts.into_iter().chain([Some(Effort::High), Some(Effort::Xhigh), Some(Effort::Max)]);
    let choices = [
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        ToolChoice::Function("list".into()),
    ];
    let choices: Vec<_> = choices.into_iter().map(Some).chain([None]).collect();
    for (place, effort) in efforts.enumerate() {
        for bits in 0_u8..64 {
            let has = |bit: u8| bits & (1 << bit) != 0;
            let tools = if has(1) {
                vec![tool("find_port", true), tool("list", false), empty()]
            } else {
                Vec::new()
            };
            let plain = vec![ModelMessage::text(MessageRole::User, "Who buys?")];
            let tiers = [ServiceTier::Standard, ServiceTier::Flex, ServiceTier::Priority];
            let model = models[(place + usize::from(bits)) % models.len()];
            let messages = if has(3) { conversation() } else { plain };
            requests.push(ModelRequest {
                effort,
                schema: has(0).then(schema),
                tool_choice: has(1)
                    .then(|| choices[(place + usize::from(bits)) % choices.len()].clone())
                    .flatten(),
                tools,
                max_searches: if has(2) { 3 } else { 0 },
                service_tier: tiers[usize::from(bits >> 4) % 3],
                cache_key: has(5).then(|| "task-1".into()),
                ..ModelRequest::new(model, "icp_generation", messages, 900)
            });
        }
    }
    requests
}

fn empty() -> Tool {
    Tool {
        name: "now".into(),
        description: None,
        parameters: json!({ "type": "object", "properties": {} }),
        strict: false,
    }
}
