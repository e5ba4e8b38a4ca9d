//! Which metadata a vector may carry: flat fields that every index can filter by.

use serde_json::{Map, Value};
use service::Problem;

const MOST_FIELDS: usize = 32;
const MOST_NAME_CHARS: usize = 64;
const MOST_TEXT_CHARS: usize = 1_000;

/// Checks the metadata found at `path`.
pub(crate) fn check(path: &str, metadata: &Map<String, Value>) -> Result<(), Problem> {
    if metadata.len() > MOST_FIELDS {
        return Err(Problem::invalid_field(path, format!("metadata may hold {MOST_FIELDS} fields at most")));
    }
    for (name, value) in metadata {
        let invalid = |detail: String| Err(Problem::invalid_field(&format!("{path}.{name}"), detail));
        if name.is_empty() || name.chars().count() > MOST_NAME_CHARS {
            return invalid(format!("a metadata field's name must be 1 to {MOST_NAME_CHARS} characters"));
        }
        match value {
            Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) if text.chars().count() <= MOST_TEXT_CHARS => {}
            Value::String(_) => return invalid(format!("a metadata text may hold {MOST_TEXT_CHARS} characters")),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return invalid("a metadata value must be a string, a number or a boolean".into());
            }
        }
    }
    Ok(())
}
