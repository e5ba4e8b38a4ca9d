//! Translates a JSON schema into Gemini's dialect: a subset of OpenAPI's schema, with upper-case
//! type names and no references.

use serde_json::{Map, Value, json};

/// How deep references are followed; a recursive type is cut here.
const DEPTH: usize = 12;

/// The schema in the dialect. What the dialect cannot express is left out: the answer is checked
/// against the full schema afterwards.
pub(super) fn dialect(schema: &Value) -> Value {
    Rendering { root: schema }.render(schema, DEPTH)
}

struct Rendering<'a> {
    root: &'a Value,
}

impl<'a> Rendering<'a> {
    fn render(&self, schema: &'a Value, depth: usize) -> Value {
        if depth == 0 {
            return json!({ "type": "OBJECT" });
        }
        if let Some(target) =
            schema["$ref"].as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?))
        {
            return self.render(target, depth - 1);
        }
        let mut out = Map::new();
        if let Some(description) = schema["description"].as_str() {
            out.insert("description".into(), description.into());
        }
        match Self::choices(schema) {
            Some((choices, is_nullable)) => {
                match choices.as_slice() {
                    [only] => {
                        if let Value::Object(only) = self.render(only, depth - 1) {
                            // Keywords beside the single choice override the choice's own.
                            out = only.into_iter().chain(out).collect();
                        }
                    }
                    choices => {
                        let rendered =
                            choices.iter().map(|choice| self.render(choice, depth - 1)).collect();
                        out.insert("anyOf".into(), rendered);
                    }
                }
                if is_nullable {
                    out.insert("nullable".into(), true.into());
                }
            }
            None => self.render_type(schema, depth, &mut out),
        }
        Value::Object(out)
    }

    /// The choices of `anyOf` and its relatives without null, and whether null is one of them.
    fn choices(schema: &Value) -> Option<(Vec<&Value>, bool)> {
        let all = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| schema[name].as_array())?;
        let choices: Vec<&Value> = all.iter().filter(|choice| choice["type"] != "null").collect();
        (!choices.is_empty()).then_some((choices.clone(), choices.len() < all.len()))
    }

    fn render_type(&self, schema: &'a Value, depth: usize, out: &mut Map<String, Value>) {
        let (kind, is_nullable) = kind(schema);
        out.insert("type".into(), kind.into());
        if is_nullable {
            out.insert("nullable".into(), true.into());
        }
        match kind {
            "OBJECT" => self.render_object(schema, depth, out),
            "ARRAY" => {
                out.insert("items".into(), self.render(&schema["items"], depth - 1));
            }
            // Gemini allows enumerations only for strings.
            "STRING" => {
                let values = schema["enum"].as_array().map(Vec::as_slice);
                let constant = schema.get("const").map(std::slice::from_ref);
                let texts = values
                    .or(constant)
                    .unwrap_or_default()
                    .iter()
                    .filter(|value| value.is_string());
                let texts: Vec<Value> = texts.cloned().collect();
                if !texts.is_empty() {
                    out.insert("format".into(), "enum".into());
                    out.insert("enum".into(), texts.into());
                }
            }
            _ => {}
        }
    }

    fn render_object(&self, schema: &'a Value, depth: usize, out: &mut Map<String, Value>) {
        let Some(properties) =
            schema["properties"].as_object().filter(|properties| !properties.is_empty())
        else {
            return;
        };
        let rendered =
            properties.iter().map(|(name, value)| (name.clone(), self.render(value, depth - 1)));
        let rendered: Map<String, Value> = rendered.collect();
        let required = schema["required"].as_array().into_iter().flatten();
        let required: Vec<Value> = required
            .filter(|name| name.as_str().is_some_and(|name| rendered.contains_key(name)))
            .cloned()
            .collect();
        // A JSON object does not keep the order of its fields; the list of required fields does,
        // and it puts reasons before conclusions.
        let others = rendered.keys().filter(|name| !required.iter().any(|it| it == name.as_str()));
        let ordering: Vec<Value> =
            required.iter().cloned().chain(others.map(|name| name.as_str().into())).collect();
        out.insert("properties".into(), Value::Object(rendered));
        if !required.is_empty() {
            out.insert("required".into(), required.into());
        }
        out.insert("propertyOrdering".into(), ordering.into());
    }
}

/// The upper-case type name, and whether null is also allowed.
fn kind(schema: &Value) -> (&'static str, bool) {
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let example = schema["enum"].get(0).unwrap_or(&schema["const"]);
    let kind = match names.iter().find(|name| **name != "null").copied() {
        Some("object") => "OBJECT",
        Some("array") => "ARRAY",
        Some("integer") => "INTEGER",
        Some("number") => "NUMBER",
        Some("boolean") => "BOOLEAN",
        None if schema["properties"].is_object() => "OBJECT",
        None if schema["items"].is_object() => "ARRAY",
        None if example.is_i64() || example.is_u64() => "INTEGER",
        None if example.is_f64() => "NUMBER",
        None if example.is_boolean() => "BOOLEAN",
        _ => "STRING",
    };
    let values = schema["enum"].as_array().map(Vec::as_slice).unwrap_or_default();
    (kind, names.contains(&"null") || values.contains(&Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_translated_to_geminis_dialect() {
        let schema = json!({
            "$schema": "x", "type": "object", "required": ["b", "a", "gone"], "additionalProperties": false,
            "properties": {
                "a": { "type": "string", "minLength": 3, "format": "uri", "description": "An address." },
                "b": { "type": ["array", "null"], "items": { "$ref": "#/$defs/Item" } },
                "c": { "enum": ["x", "y", null] },
                "d": { "anyOf": [{ "$ref": "#/$defs/Item" }, { "type": "null" }], "description": "Here." },
                "e": { "oneOf": [{ "type": "integer" }, { "type": "number" }] },
                "f": { "const": 5 },
            },
            "$defs": { "Item": { "type": "object", "description": "There.", "properties": { "ok": { "type": "boolean" } } } },
        });
        let item = |description: &str| {
            json!({
                "type": "OBJECT", "description": description,
                "properties": { "ok": { "type": "BOOLEAN" } }, "propertyOrdering": ["ok"],
            })
        };
        let mut d = item("Here.");
        d["nullable"] = true.into();
        let expect = json!({
            "type": "OBJECT", "required": ["b", "a"], "propertyOrdering": ["b", "a", "c", "d", "e", "f"],
            "properties": {
                "a": { "type": "STRING", "description": "An address." },
                "b": { "type": "ARRAY", "nullable": true, "items": item("There.") },
                "c": { "type": "STRING", "nullable": true, "format": "enum", "enum": ["x", "y"] },
                "d": d,
                "e": { "anyOf": [{ "type": "INTEGER" }, { "type": "NUMBER" }] },
                "f": { "type": "INTEGER" },
            },
        });
        assert_eq!(dialect(&schema), expect);
    }

    #[test]
    fn a_recursive_type_ends_at_a_depth() {
        let node =
            json!({ "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" } } });
        let schema = json!({ "$ref": "#/$defs/Node", "$defs": { "Node": node } });
        assert!(dialect(&schema).to_string().len() < 2_000);
        let endless = json!({ "$ref": "#" });
        assert_eq!(dialect(&endless), json!({ "type": "OBJECT" }));
    }
}
