//! The request body of `generateContent`.

use ports::{MessageRole, ModelMessage, ModelRequest, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::{is_second_generation, schema, thinking};

/// The placeholder that Google documents for calls without a signature: models from the third
/// generation on refuse calls without one, and a conversation may come from another provider.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The request's body.
pub(super) fn body(request: &ModelRequest) -> Value {
    let mut config = json!({ "maxOutputTokens": request.max_output_tokens });
    if let Some(effort) = request.effort {
        config["thinkingConfig"] =
            thinking::config(&request.model, effort, request.max_output_tokens);
    }
    if let Some(wanted) = &request.schema {
        config["responseMimeType"] = "application/json".into();
        config["responseSchema"] = schema::dialect(&wanted.schema);
    }
    let mut body = json!({ "contents": contents(request), "generationConfig": config });
    let instructions: Vec<&str> = spoken_by(request, MessageRole::System).collect();
    if !instructions.is_empty() {
        body["systemInstruction"] = json!({ "parts": [{ "text": instructions.join("\n\n") }] });
    }
    if request.max_searches > 0 {
        body["tools"] = json!([{ "googleSearch": {} }]);
    } else if !request.tools.is_empty() {
        let functions: Vec<Value> = request.tools.iter().map(function).collect();
        body["tools"] = json!([{ "functionDeclarations": functions }]);
        if let Some(choice) = &request.tool_choice {
            let choice = match choice {
                ToolChoice::Auto => json!({ "mode": "AUTO" }),
                ToolChoice::None => json!({ "mode": "NONE" }),
                ToolChoice::Required => json!({ "mode": "ANY" }),
                ToolChoice::Function(name) => {
                    json!({ "mode": "ANY", "allowedFunctionNames": [name] })
                }
            };
            body["toolConfig"] = json!({ "functionCallingConfig": choice });
        }
    }
    body
}

fn spoken_by(request: &ModelRequest, role: MessageRole) -> impl Iterator<Item = &str> {
    request
        .messages
        .iter()
        .filter(move |message| message.role == role)
        .map(|message| message.content.as_str())
}

/// Turns of user and model. Adjacent messages of one side become one turn: Google requires the
/// results of parallel calls in one turn.
fn contents(request: &ModelRequest) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for (place, message) in request.messages.iter().enumerate() {
        let (speaker, parts) = match message.role {
            // Gemini has no system turn: all instructions go into a field of their own.
            MessageRole::System => continue,
            MessageRole::User => ("user", vec![said(message)]),
            MessageRole::Assistant => ("model", model_parts(message, &request.model)),
            MessageRole::Tool => ("user", vec![result(message, &request.messages[..place])]),
        };
        match turns.last_mut() {
            Some((last, before)) if *last == speaker => before.extend(parts),
            _ => turns.push((speaker, parts)),
        }
    }
    turns.into_iter().map(|(speaker, parts)| json!({ "role": speaker, "parts": parts })).collect()
}

fn said(message: &ModelMessage) -> Value {
    json!({ "text": message.content })
}

fn model_parts(message: &ModelMessage, model: &str) -> Vec<Value> {
    let words =
        (!message.content.is_empty() || message.tool_calls.is_empty()).then(|| said(message));
    let calls = message.tool_calls.iter().map(|call| {
        let arguments = object(&call.arguments).unwrap_or_default();
        let mut part = json!({ "functionCall": { "name": call.name, "args": arguments } });
        if !is_second_generation(model) {
            part["thoughtSignature"] = NO_SIGNATURE.into();
        }
        part
    });
    words.into_iter().chain(calls).collect()
}

/// A function result. It needs the function's name, which only the call holds; a result without a
/// call becomes text.
fn result(message: &ModelMessage, before: &[ModelMessage]) -> Value {
    let calls = before.iter().rev().flat_map(|earlier| &earlier.tool_calls);
    let call = calls.into_iter().find(|call| Some(&call.id) == message.tool_call_id.as_ref());
    let Some(call) = call else { return said(message) };
    let response = object(&message.content)
        .map_or_else(|| json!({ "result": message.content }), Value::Object);
    json!({ "functionResponse": { "name": call.name, "response": response } })
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn function(tool: &Tool) -> Value {
    let mut function = json!({ "name": tool.name });
    if let Some(description) = &tool.description {
        function["description"] = description.as_str().into();
    }
    // Gemini refuses an object schema without fields, but accepts a function without parameters.
    if tool.parameters["properties"].as_object().is_some_and(|fields| !fields.is_empty()) {
        function["parameters"] = schema::dialect(&tool.parameters);
    }
    function
}
