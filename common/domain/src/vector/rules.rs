//! Rules for the ids, texts, embeddings and metadata of vectors.

use serde_json::{Map, Value};

use super::DIMENSIONS;
use crate::BusinessId;

/// The most characters of a text: an embedding model reads 8191 tokens of about four characters.
const MOST_TEXT_CHARS: usize = 32_000;
const MOST_FIELDS: usize = 32;
const MOST_NAME_CHARS: usize = 64;
const MOST_VALUE_CHARS: usize = 1_000;

/// Why a vector cannot be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// The kind of problem: a stable name to count by.
    pub problem: &'static str,
    /// The field with the problem, such as `metadata.lang`.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Unfit {
    fn new(problem: &'static str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { problem, field: field.into(), reason: reason.into() }
    }
}

/// Checks an id: vector ids follow the rules of all ids.
pub fn check_id(id: &str) -> Result<(), Unfit> {
    BusinessId::new(id)
        .map(|_| ())
        .map_err(|error| Unfit::new("id_not_allowed", "id", error.to_string()))
}

/// Checks a text that is to be embedded or stored beside its embedding.
pub fn check_text(text: &str) -> Result<(), Unfit> {
    if text.trim().is_empty() {
        return Err(Unfit::new("text_empty", "text", "an empty text cannot be embedded"));
    }
    if text.chars().count() > MOST_TEXT_CHARS {
        let reason = "a text may hold 32000 characters: split it, or send it to POST /v1/documents";
        return Err(Unfit::new("text_too_long", "text", reason));
    }
    Ok(())
}

/// Checks that an embedding has the right size, is finite and is not zero.
pub fn check_embedding(embedding: &[f32]) -> Result<(), Unfit> {
    if embedding.len() != DIMENSIONS {
        let reason = format!("an embedding has {DIMENSIONS} numbers, not {}", embedding.len());
        return Err(Unfit::new("wrong_dimensions", "embedding", reason));
    }
    let square: f32 = embedding.iter().map(|component| component * component).sum();
    if !square.is_finite() || square == 0.0 {
        let reason = "an embedding needs a direction: finite and not zero";
        return Err(Unfit::new("no_direction", "embedding", reason));
    }
    Ok(())
}

/// Checks that metadata has only flat fields, which every index can filter by.
pub fn check_metadata(metadata: &Map<String, Value>) -> Result<(), Unfit> {
    if metadata.len() > MOST_FIELDS {
        let reason = format!("metadata may hold {MOST_FIELDS} fields at most");
        return Err(Unfit::new("metadata_fields", "metadata", reason));
    }
    for (name, value) in metadata {
        let unfit =
            |problem, reason: String| Err(Unfit::new(problem, format!("metadata.{name}"), reason));
        if name.is_empty() || name.chars().count() > MOST_NAME_CHARS {
            let reason =
                format!("a metadata field's name must be 1 to {MOST_NAME_CHARS} characters");
            return unfit("metadata_name", reason);
        }
        match value {
            Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) if text.chars().count() <= MOST_VALUE_CHARS => {}
            Value::String(_) => {
                return unfit(
                    "metadata_text",
                    format!("a metadata text may hold {MOST_VALUE_CHARS} characters"),
                );
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return unfit(
                    "metadata_value",
                    "a metadata value must be a string, a number or a boolean".into(),
                );
            }
        }
    }
    Ok(())
}
