//! Converts metadata and filters to Vertex AI's restricts, without changing what filters mean.
//!
//! A field's value becomes one token with its type: a namespace of the index holds tokens, and
//! `"1"`, `1` and `true` are different values. An allow list matches any of its tokens, and a deny
//! list passes a vector without the field, as `in` and `not` require. A number also becomes a
//! numeric restrict, for ranges. All metadata has a prefix, so that no client field can be mistaken
//! for the business.

use domain::{
    BusinessId,
    vector::{Condition, Filter, Range, Scalar},
};
use ports::{VectorError, VectorItem};
use serde::Serialize;
use serde_json::{Map, Value};

use super::wire::{NumericRestrict, Op, Restrict};

/// The namespace with the business that owns the vector.
const BUSINESS: &str = "business_id";
/// Prefix of the namespace with a field's value as a token.
const FIELD: &str = "metadata.";
/// Prefix of the namespace with a field's value as a number.
const NUMBER: &str = "number.";

/// The restricts of a vector or of a search.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Restricts {
    restricts: Vec<Restrict>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numeric_restricts: Vec<NumericRestrict>,
}

impl Restricts {
    fn of(business: &BusinessId) -> Self {
        let owner = Restrict::allow(BUSINESS.into(), vec![business.as_str().into()]);
        Self { restricts: vec![owner], numeric_restricts: Vec::new() }
    }
}

/// The restricts of a vector. Values that are not scalars equal nothing, so they are left out like
/// absent ones.
pub(super) fn of_item(business: &BusinessId, item: &VectorItem) -> Restricts {
    let mut carried = Restricts::of(business);
    for (field, value) in &item.metadata {
        let Some(scalar) = scalar(value) else { continue };
        carried.restricts.push(Restrict::allow(format!("{FIELD}{field}"), vec![token(&scalar)]));
        if let Scalar::Number(value_double) = scalar {
            let namespace = format!("{NUMBER}{field}");
            carried.numeric_restricts.push(NumericRestrict { namespace, value_double, op: None });
        }
    }
    carried
}

/// The restricts of a search; `None` if nothing can match.
pub(super) fn of_query(
    business: &BusinessId,
    filter: &Filter,
) -> Result<Option<Restricts>, VectorError> {
    let mut demanded = Restricts::of(business);
    for (field, condition) in &filter.0 {
        let namespace = format!("{FIELD}{field}");
        let tokens = |scalars: &[Scalar]| scalars.iter().map(token).collect::<Vec<_>>();
        match condition {
            // An empty allow list would restrict nothing.
            Condition::In { r#in } if r#in.is_empty() => return Ok(None),
            Condition::Not { not } if not.is_empty() => {}
            Condition::In { r#in } => {
                demanded.restricts.push(Restrict::allow(namespace, tokens(r#in)));
            }
            Condition::Not { not } => {
                demanded.restricts.push(Restrict::deny(namespace, tokens(not)));
            }
            Condition::Equal(value) => {
                demanded.restricts.push(Restrict::allow(namespace, vec![token(value)]));
            }
            Condition::Range(range) => demanded.numeric_restricts.extend(bounds(field, range)?),
        }
    }
    Ok(Some(demanded))
}

fn bounds(field: &str, range: &Range) -> Result<Vec<NumericRestrict>, VectorError> {
    let Range { gte, gt, lte, lt } = *range;
    let pairs = [(gte, Op::GreaterEqual), (gt, Op::Greater), (lte, Op::LessEqual), (lt, Op::Less)];
    let mut given: Vec<(f64, Op)> =
        pairs.into_iter().filter_map(|(bound, op)| Some((bound?, op))).collect();
    if given.iter().any(|(bound, _)| !bound.is_finite()) {
        return Err(VectorError::InvalidFilter(format!(
            "filter.{field}: a bound must be a finite number"
        )));
    }
    if given.is_empty() {
        // Without a bound the field must still be a number, and every JSON number is at least this.
        given.push((f64::MIN, Op::GreaterEqual));
    }
    let namespace = format!("{NUMBER}{field}");
    let restrict = |(value_double, op)| NumericRestrict {
        namespace: namespace.clone(),
        value_double,
        op: Some(op),
    };
    Ok(given.into_iter().map(restrict).collect())
}

/// Whether a returned vector belongs to the business.
pub(super) fn belongs(business: &BusinessId, restricts: &[Restrict]) -> bool {
    let owner = restricts.iter().find(|restrict| restrict.namespace == BUSINESS);
    owner.is_some_and(|owner| owner.allow_list == [business.as_str()])
}

/// The metadata of a returned vector, as far as filters need it.
pub(super) fn metadata(restricts: &[Restrict]) -> Map<String, Value> {
    let field = |restrict: &Restrict| {
        let name = restrict.namespace.strip_prefix(FIELD)?;
        Some((name.to_owned(), value(restrict.allow_list.first()?)?))
    };
    restricts.iter().filter_map(field).collect()
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::Number(value) => value.as_f64().map(Scalar::Number),
        Value::String(value) => Some(Scalar::Text(value.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The token of a scalar. Equal values have the same token and different ones do not: the shortest
/// decimal of a number is exact.
fn token(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => format!("b:{value}"),
        // Adding zero makes −0 and 0 the same.
        Scalar::Number(value) => format!("n:{:e}", value + 0.0),
        Scalar::Text(value) => format!("s:{value}"),
    }
}

fn value(token: &str) -> Option<Value> {
    match token.split_once(':')? {
        ("b", value) => value.parse().ok().map(Value::Bool),
        ("n", value) => value.parse::<f64>().ok().map(Value::from),
        ("s", value) => Some(value.into()),
        _ => None,
    }
}
