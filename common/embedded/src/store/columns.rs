//! Fields with a column and an index of their own: extracting them from a document's text would
//! cost every commit far more than writing them.

use ports::documents::Body;
use rusqlite::types::Value as Sql;
use serde_json::Value;

/// The fields in the order of their columns: those that sweeps and lists query.
const FIELDS: [&str; 5] = ["business", "task", "wake_at", "sweep_at", "expire_at"];

/// The values of a document's columns.
pub(super) type Values = [Sql; FIELDS.len()];

/// Whether a field has a column.
pub(super) fn has(field: &str) -> bool {
    FIELDS.contains(&field)
}

/// The values of a document's columns; null for values without an order.
pub(super) fn of(body: &Body) -> Values {
    body.pick(FIELDS).map(|value| value.as_ref().and_then(comparable).unwrap_or(Sql::Null))
}

/// A value as a column or `json_extract` holds it; `None` for values without an order.
pub(super) fn comparable(value: &Value) -> Option<Sql> {
    match value {
        Value::String(text) => Some(text.clone().into()),
        Value::Number(number) => number.as_i64().map(Into::into),
        Value::Bool(flag) => Some(i64::from(*flag).into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The statement that replaces a row: it binds the version, the text, the returned values and the
/// row's id. Unchanged columns are not named, because SQLite updates the indexes of every named
/// column.
pub(super) fn update<'a>(before: &Values, after: &'a Values) -> (String, Vec<&'a Sql>) {
    let mut statement = String::from("UPDATE OR ROLLBACK documents SET version = ?, body = ?");
    let mut values = Vec::new();
    for ((field, before), after) in FIELDS.into_iter().zip(before).zip(after) {
        if before != after {
            statement.push_str(", ");
            statement.push_str(field);
            statement.push_str(" = ?");
            values.push(after);
        }
    }
    statement.push_str(" WHERE rowid = ?");
    (statement, values)
}
