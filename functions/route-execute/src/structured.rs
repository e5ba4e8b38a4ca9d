//! Whether an answer follows the schema it was asked for.

use serde_json::Value;

/// The largest schema, in bytes, once its references are written out, as some providers need it.
const SCHEMA_BYTES: usize = 128 * 1024;

/// The bytes of a schema with every reference to a definition of its own written out; `None` when
/// that is too much, as it is for one that contains itself.
pub(crate) fn written_out(schema: &Value) -> Option<usize> {
    let mut left = SCHEMA_BYTES;
    spend(schema, schema, &mut left).then(|| SCHEMA_BYTES - left)
}

fn spend(root: &Value, part: &Value, left: &mut usize) -> bool {
    let own = match part {
        Value::String(text) => text.len() + 2,
        Value::Object(fields) => {
            // Its braces, and what a strict rendering adds to an object.
            48 + fields.keys().map(|name| 2 * name.len() + 8).sum::<usize>()
        }
        Value::Array(items) => 2 + items.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    };
    let Some(rest) = left.checked_sub(own) else { return false };
    *left = rest;
    match part {
        Value::Object(fields) => {
            let named =
                fields.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
            if let Some(target) = named.and_then(|path| root.pointer(path)) {
                return spend(root, target, left);
            }
            let is_definitions = |name: &str| name == "$defs" || name == "definitions";
            fields
                .iter()
                .filter(|(name, _)| !is_definitions(name))
                .all(|(_, value)| spend(root, value, left))
        }
        Value::Array(items) => items.iter().all(|item| spend(root, item, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Violations named to the model in a repair round.
const MOST_VIOLATIONS: usize = 8;

/// The answer as JSON, or its faults in words that a model can act on.
pub(crate) fn check(schema: &Value, text: &str) -> Result<Value, String> {
    let answer: Value =
        serde_json::from_str(text.trim()).map_err(|error| format!("it is not JSON: {error}"))?;
    // The request's check made sure that the schema is one.
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    let violations: Vec<String> = validator
        .iter_errors(&answer)
        .take(MOST_VIOLATIONS)
        .map(|violation| format!("{}: {}", violation.instance_path(), violation.masked()))
        .collect();
    if violations.is_empty() { Ok(answer) } else { Err(violations.join("; ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_recursive_or_exploding_schema_is_too_large() {
        let plain = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}});
        assert!(written_out(&plain).is_some_and(|bytes| (100..400).contains(&bytes)));
        assert_eq!(
            written_out(&json!({"type": "object", "properties": {"again": {"$ref": "#"}}})),
            None
        );
        // Sixteen definitions, each of two of the next: small to send, 65,536 parts written out.
        let mut defs = serde_json::Map::new();
        for index in 0..16 {
            let next = json!({"$ref": format!("#/$defs/d{}", index + 1)});
            defs.insert(
                format!("d{index}"),
                json!({"type": "object", "properties": {"l": next, "r": next}}),
            );
        }
        defs.insert("d16".into(), json!({"type": "string"}));
        let bomb =
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": defs});
        assert_eq!(written_out(&bomb), None);
    }

    #[test]
    fn an_answer_fits_the_schema_or_names_its_fault() {
        let schema =
            json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        assert_eq!(check(&schema, " {\"n\": 1} "), Ok(json!({"n": 1})));
        assert!(check(&schema, "{\"n\": 1").unwrap_err().contains("not JSON"));
        assert!(check(&schema, "{\"n\": \"one\"}").unwrap_err().starts_with("/n:"));
    }
}
