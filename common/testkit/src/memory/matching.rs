//! Evaluates a query over documents in memory.

use std::cmp::Ordering;

use ports::{
    Document, Query,
    documents::{Comparison, Direction, Filter},
};
use serde_json::Value;

/// A comparable value, ordered as Firestore orders types: booleans, numbers, texts.
#[derive(PartialEq, PartialOrd)]
enum Comparable<'a> {
    Bool(bool),
    Integer(i64),
    Text(&'a str),
}

impl<'a> Comparable<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(value) => value.as_i64().map(Self::Integer),
            Value::String(value) => Some(Self::Text(value)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Whether a document is in the query's collection and satisfies its conditions.
pub(super) fn matches(query: &Query, document: &Document) -> bool {
    document.key.collection == query.collection
        && query.id.as_ref().is_none_or(|id| *id == document.key.id)
        && query.filters.iter().all(|filter| satisfies(filter, document.body.get(&filter.field)))
        && query
            .order
            .as_ref()
            .is_none_or(|(field, _)| document.body.get(field).and_then(Comparable::of).is_some())
}

fn satisfies(filter: &Filter, value: Option<&Value>) -> bool {
    let (Some(found), Some(wanted)) =
        (value.and_then(Comparable::of), Comparable::of(&filter.value))
    else {
        return false;
    };
    if std::mem::discriminant(&found) != std::mem::discriminant(&wanted) {
        return false;
    }
    match filter.comparison {
        Comparison::Equal => found == wanted,
        Comparison::Less => found < wanted,
        Comparison::LessOrEqual => found <= wanted,
        Comparison::Greater => found > wanted,
        Comparison::GreaterOrEqual => found >= wanted,
    }
}

/// Sorts matching documents and cuts the page.
pub(super) fn page(query: &Query, mut documents: Vec<Document>) -> Vec<Document> {
    documents.sort_by(|a, b| compare(query, position(query, a), position(query, b)));
    if let Some(cursor) = &query.after {
        let last = (cursor.value.as_ref(), cursor.id.as_str());
        documents.retain(|document| compare(query, position(query, document), last).is_gt());
    }
    documents.truncate(query.limit);
    documents
}

fn position<'a>(query: &Query, document: &'a Document) -> (Option<&'a Value>, &'a str) {
    let value = query.order.as_ref().and_then(|(field, _)| document.body.get(field));
    (value, &document.key.id)
}

fn compare(query: &Query, a: (Option<&Value>, &str), b: (Option<&Value>, &str)) -> Ordering {
    let by_value =
        a.0.and_then(Comparable::of)
            .partial_cmp(&b.0.and_then(Comparable::of))
            .unwrap_or(Ordering::Equal);
    let ascending = by_value.then_with(|| a.1.cmp(b.1));
    match query.order {
        Some((_, Direction::Descending)) => ascending.reverse(),
        Some((_, Direction::Ascending)) | None => ascending,
    }
}
