//! Converts between embeddings and Firestore documents.

use std::collections::HashMap;

use domain::BusinessId;
use gcloud_sdk::google::firestore::v1::{
    ArrayValue, Document as Stored, MapValue, Value, Write, value::ValueType, write::Operation,
};
use ports::VectorItem;
use serde_json::{Map, Value as Json, json};

use crate::{firestore::value, nearness::StoredVector};

/// The field with the vector index.
pub(super) const EMBEDDING: &str = "embedding";

/// Encodes a vector in Firestore's marked form.
pub(super) fn vector(embedding: &[f32]) -> Value {
    let double = |x: &f32| Value { value_type: Some(ValueType::DoubleValue(f64::from(*x))) };
    let values = ArrayValue { values: embedding.iter().map(double).collect() };
    let mark = Value { value_type: Some(ValueType::StringValue("__vector__".into())) };
    let values = Value { value_type: Some(ValueType::ArrayValue(values)) };
    let fields = HashMap::from([("__type__".into(), mark), ("value".into(), values)]);
    Value { value_type: Some(ValueType::MapValue(MapValue { fields })) }
}

/// The write that stores or replaces one vector.
pub(super) fn put(name: String, business: &BusinessId, item: &VectorItem) -> Result<Write, String> {
    let body = json!({"business": business, "id": item.id, "metadata": item.metadata});
    let Json::Object(body) = body else { return Err("an item is an object".into()) };
    let mut fields = value::encode_fields(&body)?;
    fields.insert(EMBEDDING.into(), vector(&item.embedding));
    let document = Stored { name, fields, ..Stored::default() };
    Ok(Write { operation: Some(Operation::Update(document)), ..Write::default() })
}

/// The write that removes one vector, if it exists.
pub(super) fn delete(name: String) -> Write {
    Write { operation: Some(Operation::Delete(name)), ..Write::default() }
}

pub(super) fn found(mut stored: Stored) -> Option<StoredVector> {
    let embedding = floats(stored.fields.remove(EMBEDDING)?)?;
    let mut body = value::decode_fields(stored.fields).ok()?;
    let id = body.remove("id")?.as_str()?.to_owned();
    let metadata = match body.remove("metadata") {
        Some(Json::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    Some(StoredVector { id, embedding, metadata })
}

fn floats(value: Value) -> Option<Vec<f32>> {
    let Some(ValueType::MapValue(mut map)) = value.value_type else { return None };
    let Some(ValueType::ArrayValue(array)) = map.fields.remove("value")?.value_type else {
        return None;
    };
    let float = |value: Value| match value.value_type {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it was a 32-bit number when it was stored"
        )]
        Some(ValueType::DoubleValue(x)) => Some(x as f32),
        _ => None,
    };
    array.values.into_iter().map(float).collect()
}
