//! Filters as clients write them: `{"lang": "en", "year": {"gte": 2024}, "kind": {"in": ["blog",
//! "case"]}}`.

use domain::vector::Filter;
use serde_json::{Map, Value};
use service::Problem;

const MOST_FIELDS: usize = 20;
const MOST_VALUES: usize = 100;
const BOUNDS: [&str; 4] = ["gte", "gt", "lte", "lt"];

/// Checks every condition before it is read: a condition that is only half understood would find
/// too much.
pub(crate) fn checked(conditions: Map<String, Value>) -> Result<Filter, Problem> {
    if conditions.len() > MOST_FIELDS {
        return Err(Problem::invalid_field(
            "filter",
            format!("a filter may name {MOST_FIELDS} fields at most"),
        ));
    }
    for (field, condition) in &conditions {
        check(condition)
            .map_err(|detail| Problem::invalid_field(&format!("filter.{field}"), detail))?;
    }
    service::from_value(Value::Object(conditions)).map_err(|problem| problem.inside("filter"))
}

fn check(condition: &Value) -> Result<(), String> {
    match condition {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(()),
        Value::Object(parts) => check_parts(parts),
        Value::Null | Value::Array(_) => Err(expected()),
    }
}

fn check_parts(parts: &Map<String, Value>) -> Result<(), String> {
    if let Some(values) = parts.get("in").or_else(|| parts.get("not")) {
        let scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        let listed = values.as_array().filter(|values| (1..=MOST_VALUES).contains(&values.len()));
        return match listed {
            Some(values) if parts.len() == 1 && values.iter().all(scalar) => Ok(()),
            _ => Err(expected()),
        };
    }
    let is_bound =
        |(name, value): (&String, &Value)| BOUNDS.contains(&name.as_str()) && value.is_number();
    if parts.is_empty() || !parts.iter().all(is_bound) { Err(expected()) } else { Ok(()) }
}

fn expected() -> String {
    format!(
        "a condition is a string, a number or a boolean, {{\"in\": […]}} or {{\"not\": […]}} with 1 to {MOST_VALUES} \
         of these, or numeric bounds: gte, gt, lte, lt"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(condition: &Value, understood: bool) {
        let filter = checked(Map::from_iter([("field".to_owned(), condition.clone())]));
        match filter {
            Ok(filter) => {
                assert!(understood, "{condition}");
                assert_eq!(serde_json::to_value(filter).unwrap().as_object().unwrap().len(), 1);
            }
            Err(problem) => {
                assert!(!understood, "{condition}");
                assert_eq!(
                    (problem.status.as_u16(), &problem.fields["field"]),
                    (400, &json!("filter.field"))
                );
            }
        }
    }

    #[test]
    fn conditions_are_understood_wholly_or_refused() {
        for good in [
            json!("en"),
            json!(1.5),
            json!(true),
            json!({"in": ["a", 1]}),
            json!({"not": [false]}),
            json!({"gte": 1, "lt": 2}),
        ] {
            check(&good, true);
        }
        for bad in [
            json!(null),
            json!(["a"]),
            json!({}),
            json!({"near": 3}),
            json!({"in": []}),
            json!({"in": "a"}),
            json!({"in": [["a"]]}),
            json!({"in": ["a"], "not": ["b"]}),
            json!({"in": ["a"], "gte": 1}),
            json!({"gte": "a"}),
            json!({"gte": 1, "near": 3}),
            json!({"in": vec![1; MOST_VALUES + 1]}),
        ] {
            check(&bad, false);
        }
        let many = (0..=MOST_FIELDS).map(|index| (format!("f{index}"), json!(1))).collect();
        assert_eq!(checked(many).unwrap_err().fields["field"], "filter");
    }
}
