//! Questions about a collection: conditions, order, pages.

use serde_json::Value;

use super::{Document, Key, StoreError};

/// How a field is compared in a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Less than.
    Less,
    /// Less than or equal.
    LessOrEqual,
    /// Greater than.
    Greater,
    /// Greater than or equal.
    GreaterOrEqual,
}

/// One condition; a document without the field does not match. Values are strings, integers or
/// booleans.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    /// Top-level field.
    pub field: String,
    /// How to compare.
    pub comparison: Comparison,
    /// What to compare with; only values of the same JSON type match.
    pub value: Value,
}

/// Checks what every adapter refuses alike: values without an order, a condition beside equality on
/// another field than the query's order (no index could serve both), a cursor of another query.
pub fn check_query(query: &Query) -> Result<(), StoreError> {
    let invalid = |reason: String| {
        Err(StoreError::invalid(
            &Key::new(&query.collection, query.id.as_deref().unwrap_or_default()),
            reason,
        ))
    };
    let order = query.order.as_ref().map(|(field, _)| field);
    for Filter { field, comparison, value } in &query.filters {
        if !(value.is_string() || value.is_boolean() || value.is_i64()) {
            return invalid(format!(
                "`{field}` can be compared with a string, an integer or a boolean"
            ));
        }
        if *comparison != Comparison::Equal && order != Some(field) {
            return invalid(format!(
                "a query by more than the equality of `{field}` must be ordered by it"
            ));
        }
    }
    match (order, &query.after) {
        (Some(_), Some(Cursor { value: None, .. }))
        | (None, Some(Cursor { value: Some(_), .. })) => {
            invalid("the cursor does not fit the query's order".into())
        }
        _ => Ok(()),
    }
}

/// Which way a query is ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Where a page continues: behind the document with this order value and id.
#[derive(Clone, PartialEq, Debug)]
pub struct Cursor {
    /// The last document's value in the order field; `None` when ordered by id alone.
    pub value: Option<Value>,
    /// The last document's id.
    pub id: String,
}

/// Documents of one collection that match all filters, in a stated order.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Collection path.
    pub collection: String,
    /// Restricts to one document.
    pub id: Option<String>,
    /// Conditions that a document must all meet.
    pub filters: Vec<Filter>,
    /// Order field (documents without it are left out) and direction; ties and no field: by id, in
    /// the same direction.
    pub order: Option<(String, Direction)>,
    /// The most documents returned.
    pub limit: usize,
    /// Continue behind this document.
    pub after: Option<Cursor>,
}

impl Query {
    /// Every document of a collection by id, 100 at most.
    pub fn collection(collection: impl Into<String>) -> Self {
        Self {
            collection: collection.into(),
            id: None,
            filters: Vec::new(),
            order: None,
            limit: 100,
            after: None,
        }
    }

    /// One document: what a watcher of a single key asks for.
    pub fn document(key: &Key) -> Self {
        Self { id: Some(key.id.clone()), limit: 1, ..Self::collection(&key.collection) }
    }

    /// Adds a condition.
    #[must_use]
    pub fn filter(mut self, field: &str, comparison: Comparison, value: impl Into<Value>) -> Self {
        self.filters.push(Filter { field: field.into(), comparison, value: value.into() });
        self
    }

    /// Adds an equality condition.
    #[must_use]
    pub fn equal(self, field: &str, value: impl Into<Value>) -> Self {
        self.filter(field, Comparison::Equal, value)
    }

    /// Orders by a field.
    #[must_use]
    pub fn order(mut self, field: &str, direction: Direction) -> Self {
        self.order = Some((field.into(), direction));
        self
    }

    /// Limits the page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Continues behind `last`, a document that this query returned.
    #[must_use]
    pub fn after(mut self, last: &Document) -> Self {
        let value = self.order.as_ref().and_then(|(field, _)| last.body.get(field).cloned());
        self.after = Some(Cursor { value, id: last.key.id.clone() });
        self
    }

    /// The page behind `page`, which this query returned; `None` when there can be none.
    #[must_use]
    pub fn next_page(self, page: &[Document]) -> Option<Self> {
        let last = page.last().filter(|_| page.len() == self.limit)?;
        Some(self.after(last))
    }
}
