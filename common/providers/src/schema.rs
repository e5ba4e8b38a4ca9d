//! Translates any JSON schema into OpenAI's strict dialect: every property required, none
//! additional.

use serde_json::{Map, Value, json};

/// Keywords that strict mode does not support; the answer is checked against the full schema
/// afterwards.
const DROPPED: [&str; 18] = [
    "$schema",
    "title",
    "default",
    "examples",
    "format",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The strict form of a schema. An optional property becomes a required one that may be null.
pub(crate) fn strict(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(strict_object(fields)),
        Value::Array(items) => items.iter().map(strict).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

fn strict_object(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in fields {
        match name.as_str() {
            "properties" | "$defs" | "definitions" => {
                let inner = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (key.clone(), strict(value)));
                out.insert(name.clone(), Value::Object(inner.collect()));
            }
            "oneOf" => {
                out.insert("anyOf".into(), strict(value));
            }
            "enum" | "const" | "required" => {
                out.insert(name.clone(), value.clone());
            }
            dropped if DROPPED.contains(&dropped) => {}
            _ => {
                out.insert(name.clone(), strict(value));
            }
        }
    }
    if let Some(Value::Object(properties)) = out.get("properties").cloned() {
        let required: Vec<&str> = fields["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k.as_str())
            .collect();
        let was_required = |name: &str| {
            fields
                .get("required")
                .and_then(Value::as_array)
                .is_some_and(|names| names.iter().any(|it| it == name))
        };
        let nullable = properties.into_iter().map(|(name, value)| {
            let value = if was_required(&name) { value } else { or_null(value) };
            (name, value)
        });
        out.insert("properties".into(), Value::Object(nullable.collect()));
        out.insert("required".into(), json!(required));
        out.insert("additionalProperties".into(), false.into());
    }
    out
}

fn or_null(schema: Value) -> Value {
    match schema.get("type") {
        Some(Value::String(kind)) if kind != "null" && schema.get("enum").is_none() => {
            let mut schema = schema.clone();
            schema["type"] = json!([kind, "null"]);
            schema
        }
        Some(Value::Array(kinds)) if kinds.iter().any(|kind| kind == "null") => schema,
        _ if schema["anyOf"]
            .as_array()
            .is_some_and(|options| options.iter().any(|it| it["type"] == "null")) =>
        {
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_becomes_required_and_optional_ones_nullable() {
        let schema = json!({
            "$schema": "x", "type": "object", "required": ["a"],
            "properties": {
                "a": { "type": "string", "minLength": 3 },
                "b": { "type": "array", "items": { "type": "object", "properties": { "default": { "type": "integer" } } } },
                "c": { "enum": ["x", "y"] },
            },
        });
        let expect = json!({
            "type": "object", "required": ["a", "b", "c"], "additionalProperties": false,
            "properties": {
                "a": { "type": "string" },
                "b": { "type": ["array", "null"], "items": {
                    "type": "object", "required": ["default"], "additionalProperties": false,
                    "properties": { "default": { "type": ["integer", "null"] } },
                } },
                "c": { "anyOf": [{ "enum": ["x", "y"] }, { "type": "null" }] },
            },
        });
        assert_eq!(strict(&schema), expect);
    }
}
