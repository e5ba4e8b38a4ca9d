//! Whether an answer follows the schema it was asked for.

use serde_json::Value;

/// Violations named to the model in a repair round.
const MOST_VIOLATIONS: usize = 8;

/// The answer as JSON, or what is wrong with it in words a model can act on.
pub(crate) fn check(schema: &Value, text: &str) -> Result<Value, String> {
    let answer: Value = serde_json::from_str(text.trim()).map_err(|error| format!("it is not JSON: {error}"))?;
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
    fn an_answer_is_json_of_the_schema_or_told_why_not() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        assert_eq!(check(&schema, " {\"n\": 1} "), Ok(json!({"n": 1})));
        assert!(check(&schema, "{\"n\": 1").unwrap_err().contains("not JSON"));
        assert!(check(&schema, "{\"n\": \"one\"}").unwrap_err().starts_with("/n:"));
    }
}
