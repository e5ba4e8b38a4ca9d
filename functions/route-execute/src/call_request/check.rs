//! What a request for a model call must hold before anything is looked up or held for it.

use ports::{ExecuteRequest, ModelMessage, ToolChoice};
use service::Problem;

use crate::structured;

const MOST_MESSAGES: usize = 200;
const MOST_TOOLS: usize = 64;
const TOO_LARGE: &str =
    "contains itself or is larger than 128 KiB once its references are written out";
const MOST_SEARCHES: u32 = 10;
/// The longest that an answer may be taken from the cache: a day, in seconds.
const MOST_CACHE_S: u32 = 86_400;
/// Deadlines that are accepted, in milliseconds; the default is the longest step of a phase.
const DEADLINE_MS: std::ops::RangeInclusive<u64> = 1_000..=600_000;

/// Checks a request; the problem names the field.
pub(crate) fn check(request: &ExecuteRequest) -> Result<(), Problem> {
    let invalid = |field: &str, detail: &str| Err(Problem::invalid_field(field, detail));
    if request.messages.is_empty() || request.messages.len() > MOST_MESSAGES {
        return invalid("messages", "messages must hold 1 to 200 entries");
    }
    let is_empty =
        |message: &ModelMessage| message.content.trim().is_empty() && message.tool_calls.is_empty();
    if request.messages.iter().all(is_empty) {
        return invalid("messages", "every message is empty: say what the model should do");
    }
    if request.max_output_tokens == Some(0) {
        return invalid("max_output_tokens", "max_output_tokens must be at least 1");
    }
    if request.deadline_ms.is_some_and(|ms| !DEADLINE_MS.contains(&ms)) {
        return invalid("deadline_ms", "deadline_ms must lie between 1000 and 600000");
    }
    if request.max_searches > MOST_SEARCHES {
        return invalid("max_searches", "max_searches must be at most 10");
    }
    if request.cache_ttl_s.is_some_and(|ttl| ttl > MOST_CACHE_S) {
        return invalid("cache_ttl_s", "cache_ttl_s must be at most 86400 (a day)");
    }
    check_tools(request)?;
    if let Some(schema) = &request.response_schema {
        if !is_name(&schema.name) {
            return invalid(
                "response_schema.name",
                "the name must be 1 to 64 characters of A-Z a-z 0-9 _ -",
            );
        }
        if schema.schema["type"] != "object" {
            return invalid(
                "response_schema.schema",
                "the schema's root must have \"type\": \"object\"",
            );
        }
        if structured::written_out(&schema.schema).is_none() {
            return invalid("response_schema.schema", TOO_LARGE);
        }
        if let Err(error) = jsonschema::validator_for(&schema.schema) {
            return invalid("response_schema.schema", &format!("is no valid JSON schema: {error}"));
        }
    }
    Ok(())
}

/// A name as providers take it for schemas and functions.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn check_tools(request: &ExecuteRequest) -> Result<(), Problem> {
    if request.tools.len() > MOST_TOOLS {
        return Err(Problem::invalid_field("tools", "tools must hold at most 64 functions"));
    }
    for (index, tool) in request.tools.iter().enumerate() {
        if !is_name(&tool.name) {
            let detail = "the name must be 1 to 64 characters of A-Z a-z 0-9 _ -";
            return Err(Problem::invalid_field(&format!("tools[{index}].name"), detail));
        }
        if structured::written_out(&tool.parameters).is_none() {
            return Err(Problem::invalid_field(&format!("tools[{index}].parameters"), TOO_LARGE));
        }
        if !tool.parameters.is_object() || jsonschema::validator_for(&tool.parameters).is_err() {
            let detail = "the parameters must be a valid JSON schema of an object";
            return Err(Problem::invalid_field(&format!("tools[{index}].parameters"), detail));
        }
    }
    match &request.tool_choice {
        Some(ToolChoice::Function(name)) if request.tools.iter().all(|tool| tool.name != *name) => {
            Err(Problem::invalid_field("tool_choice", "names a function that tools does not hold"))
        }
        Some(ToolChoice::Required) if request.tools.is_empty() => Err(Problem::invalid_field(
            "tool_choice",
            "required needs at least one function in tools",
        )),
        _ => Ok(()),
    }
}
