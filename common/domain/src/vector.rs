//! Rules of vectors, and metadata filters that mean the same on every index.

mod passage;
mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use passage::Passage;
pub use rules::{Unfit, check_embedding, check_id, check_metadata, check_text};

/// Dimensions of every vector.
pub const DIMENSIONS: usize = 1536;

/// Conditions on metadata fields, all of which must hold: `{"lang": "en", "year": {"gte": 2024}}`.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Filter(pub BTreeMap<String, Condition>);

/// A condition on one field. A vector without the field matches only `not`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    /// The field has one of these values.
    In {
        /// Allowed values.
        r#in: Vec<Scalar>,
    },
    /// The field has none of these values, or is absent.
    Not {
        /// Refused values.
        not: Vec<Scalar>,
    },
    /// The field is a number within bounds.
    Range(Range),
    /// The field equals this value.
    Equal(Scalar),
}

/// Numeric bounds; at least one is set.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Greater than or equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<f64>,
    /// Greater than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<f64>,
    /// Less than or equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<f64>,
    /// Less than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<f64>,
}

/// A metadata value that can be compared.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Filter {
    /// Whether metadata satisfies every condition.
    pub fn matches(&self, metadata: &Map<String, Value>) -> bool {
        self.0.iter().all(|(field, condition)| condition.holds(metadata.get(field)))
    }
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        let is = |scalar: &Scalar| value.is_some_and(|value| scalar.equals(value));
        match self {
            Self::In { r#in } => r#in.iter().any(is),
            Self::Not { not } => !not.iter().any(is),
            Self::Equal(scalar) => is(scalar),
            Self::Range(range) => {
                value.and_then(Value::as_f64).is_some_and(|number| range.contains(number))
            }
        }
    }
}

impl Range {
    fn contains(&self, number: f64) -> bool {
        self.gte.is_none_or(|bound| number >= bound)
            && self.gt.is_none_or(|bound| number > bound)
            && self.lte.is_none_or(|bound| number <= bound)
            && self.lt.is_none_or(|bound| number < bound)
    }
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match self {
            Self::Bool(expected) => value.as_bool() == Some(*expected),
            Self::Number(expected) => value.as_f64() == Some(*expected),
            Self::Text(expected) => value.as_str() == Some(expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: Value, metadata: &Value, expect: bool) {
        let text = filter.to_string();
        let filter: Filter = serde_json::from_value(filter).unwrap();
        assert_eq!(filter.matches(metadata.as_object().unwrap()), expect, "{text} on {metadata}");
    }

    #[test]
    fn conditions_compare_values_of_their_own_type() {
        let doc = json!({"lang": "en", "year": 2024, "public": true});
        check(json!({}), &doc, true);
        check(json!({"lang": "en", "public": true}), &doc, true);
        check(json!({"year": "2024"}), &doc, false);
        check(json!({"lang": {"in": ["de", "en"]}}), &doc, true);
        check(json!({"lang": {"not": ["en"]}}), &doc, false);
        check(json!({"missing": {"not": ["en"]}}), &doc, true);
        check(json!({"missing": "en"}), &doc, false);
        check(json!({"year": {"gte": 2024, "lt": 2025}}), &doc, true);
        check(json!({"year": {"gt": 2024}}), &doc, false);
        check(json!({"lang": {"gte": 1}}), &doc, false);
    }

    #[test]
    fn an_unknown_condition_is_refused() {
        assert!(serde_json::from_value::<Filter>(json!({"year": {"near": 3}})).is_err());
    }
}
