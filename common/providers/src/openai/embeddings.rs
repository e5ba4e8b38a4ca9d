//! `POST /embeddings`: request body and answer.

use ports::{Embeddings, ProviderError};
use serde_json::{Value, json};

use crate::http::unreadable;

/// The request's body. Every stored vector has the dimensions of the index.
pub(super) fn body(model: &str, texts: &[String]) -> Value {
    json!({
        "model": model, "input": texts, "dimensions": domain::vector::DIMENSIONS, "encoding_format": "float",
    })
}

/// Parses the vectors in the order of their texts, whatever order the answer has.
pub(super) fn parse(answer: &Value, count: usize) -> Result<Embeddings, ProviderError> {
    let mut vectors = vec![Vec::new(); count];
    for row in answer["data"].as_array().into_iter().flatten() {
        let index = row["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        let slot = index.and_then(|index| vectors.get_mut(index));
        let slot = slot.ok_or_else(|| unreadable("an embedding has no valid index"))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "vectors are stored and compared in single precision"
        )]
        slot.extend(
            row["embedding"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_f64)
                .map(|x| x as f32),
        );
    }
    if vectors.iter().any(|vector| vector.len() != domain::vector::DIMENSIONS) {
        return Err(unreadable("an embedding has the wrong number of dimensions"));
    }
    Ok(Embeddings { vectors, input_tokens: answer["usage"]["prompt_tokens"].as_u64() })
}
