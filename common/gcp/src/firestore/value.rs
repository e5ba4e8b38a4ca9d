//! Converts between JSON and Firestore values.
//!
//! There are three differences. Firestore does not allow a list directly inside a list, so such a
//! list is stored as a map with the one field `[]`. Its time to live needs timestamps, so the
//! top-level field `expire_at` is stored as one. And a commit without a change would keep the
//! version, so every document has a field `_rev` that is not part of its body.

use std::collections::HashMap;

use domain::Time;
use gcloud_sdk::{
    google::firestore::v1::{ArrayValue, MapValue, Value, value::ValueType},
    prost_types::Timestamp,
};
use ports::documents::Fields;
use serde_json::{Map, Number, Value as Json};

/// The field that makes every commit a change.
pub(crate) const REVISION: &str = "_rev";
/// The field that the database's time to live uses.
const EXPIRY: &str = "expire_at";
const NESTED: &str = "[]";

/// Encodes the fields of a document.
pub(crate) fn encode_fields(body: &Fields) -> Result<HashMap<String, Value>, String> {
    body.iter().map(|(name, json)| Ok((name.clone(), encode_field(name, json)?))).collect()
}

/// Encodes the value of a top-level field, for storage and for comparison.
pub(crate) fn encode_field(name: &str, json: &Json) -> Result<Value, String> {
    let time = json.as_str().filter(|_| name == EXPIRY).and_then(|text| text.parse::<Time>().ok());
    match time {
        Some(time) => Ok(of(ValueType::TimestampValue(Timestamp {
            seconds: time.unix_ms().div_euclid(1000),
            nanos: i32::try_from(time.unix_ms().rem_euclid(1000) * 1_000_000).unwrap_or_default(),
        }))),
        None => encode(json, false),
    }
}

fn of(value: ValueType) -> Value {
    Value { value_type: Some(value) }
}

/// An integer for transforms.
pub(crate) fn integer(value: i64) -> Value {
    of(ValueType::IntegerValue(value))
}

/// The full name of a document as a reference value.
pub(crate) fn reference(name: String) -> Value {
    of(ValueType::ReferenceValue(name))
}

fn encode(json: &Json, in_list: bool) -> Result<Value, String> {
    Ok(of(match json {
        // The protobuf enum's only value.
        Json::Null => ValueType::NullValue(0),
        Json::Bool(value) => ValueType::BooleanValue(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => ValueType::IntegerValue(value),
            (None, Some(value)) => {
                return Err(format!("{value} is larger than the largest integer, {}", i64::MAX));
            }
            (None, None) => ValueType::DoubleValue(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => ValueType::StringValue(text.clone()),
        Json::Array(items) if in_list => {
            let inner = encode(&Json::Array(items.clone()), false)?;
            ValueType::MapValue(MapValue { fields: HashMap::from([(NESTED.into(), inner)]) })
        }
        Json::Array(items) => {
            let values = items.iter().map(|item| encode(item, true)).collect::<Result<_, _>>()?;
            ValueType::ArrayValue(ArrayValue { values })
        }
        Json::Object(fields) if fields.len() == 1 && fields.contains_key(NESTED) => {
            return Err(format!("an object whose only field is `{NESTED}` cannot be kept"));
        }
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, json)| Ok((name.clone(), encode(json, false)?)));
            ValueType::MapValue(MapValue { fields: fields.collect::<Result<_, String>>()? })
        }
    }))
}

/// Decodes the fields of a document.
pub(crate) fn decode_fields(fields: HashMap<String, Value>) -> Result<Fields, String> {
    // Sorted, so that the same document always decodes the same.
    let mut fields: Vec<_> = fields.into_iter().filter(|(name, _)| name != REVISION).collect();
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields.into_iter().map(|(name, value)| Ok((name, decode(value)?))).collect()
}

fn decode(value: Value) -> Result<Json, String> {
    Ok(match value.value_type {
        Some(ValueType::NullValue(_)) => Json::Null,
        Some(ValueType::BooleanValue(value)) => Json::Bool(value),
        Some(ValueType::IntegerValue(value)) => Json::Number(value.into()),
        Some(ValueType::DoubleValue(value)) => {
            Number::from_f64(value).map_or(Json::Null, Json::Number)
        }
        Some(ValueType::StringValue(text)) => Json::String(text),
        Some(ValueType::TimestampValue(time)) => {
            let millis =
                time.seconds.saturating_mul(1000).saturating_add(i64::from(time.nanos) / 1_000_000);
            Json::String(Time::from_unix_ms(millis).to_string())
        }
        Some(ValueType::ArrayValue(array)) => {
            Json::Array(array.values.into_iter().map(decode).collect::<Result<_, _>>()?)
        }
        Some(ValueType::MapValue(map)) => {
            let mut fields = map.fields;
            match fields.len() {
                1 if fields.contains_key(NESTED) => {
                    return fields.remove(NESTED).map_or(Ok(Json::Null), decode);
                }
                _ => Json::Object(decode_fields(fields)?.into_iter().collect::<Map<_, _>>()),
            }
        }
        other => return Err(format!("a value of a type that nothing here writes: {other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_encoded_comes_back() {
        let body = json!({
            "text": "é", "int": i64::MIN, "float": 1.5, "whole_float": 2.0, "none": null, "yes": true, "empty": {},
            "nested": [[1, [2]], [], {"a": [[3]]}], "expire_at": "2026-11-22T09:30:00.250Z", "expire": "2026-11-22",
        });
        let body = body.as_object().unwrap();
        let encoded = encode_fields(body).unwrap();
        assert!(matches!(encoded["expire_at"].value_type, Some(ValueType::TimestampValue(_))));
        assert_eq!(&decode_fields(encoded).unwrap(), body);
    }

    #[test]
    fn an_integer_that_does_not_fit_is_refused() {
        let body = json!({"n": u64::MAX});
        assert!(
            encode_fields(body.as_object().unwrap())
                .unwrap_err()
                .contains("larger than the largest integer")
        );
    }
}
