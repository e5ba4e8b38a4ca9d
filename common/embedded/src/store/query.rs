//! Reads documents by key, by query, and by changes since a version.

use ports::{
    Document, Key, Query, StoreError, Version,
    documents::{Body, Comparison, Direction, check_query},
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params_from_iter, types};
use serde_json::Value;

use super::{
    columns::{self, comparable},
    unavailable,
};

/// Reads one document and the size of its text in bytes.
pub(super) fn one(
    connection: &Connection,
    key: &Key,
) -> Result<Option<(Document, usize)>, StoreError> {
    let select =
        "SELECT collection, id, version, body FROM documents WHERE collection = ? AND id = ?";
    let mut select = prepare(connection, select)?;
    let found =
        select.query_row([&key.collection, &key.id], stored).optional().map_err(unavailable)?;
    let sized = |found: Stored| {
        let bytes = found.2.len();
        Ok((decode(found)?, bytes))
    };
    found.map(sized).transpose()
}

/// Reads one page of a query.
pub(super) fn page(connection: &Connection, query: &Query) -> Result<Vec<Document>, StoreError> {
    let mut select = Select::matching(query, "")?;
    select.behind_cursor(query)?;
    select.order(query)?;
    select.text.push_str(" LIMIT ?");
    select.values.push(i64::try_from(query.limit).unwrap_or(i64::MAX).into());
    select.run(connection)
}

/// Reads all documents of a query that were written after `version`.
pub(super) fn written_after(
    connection: &Connection,
    query: &Query,
    version: Version,
) -> Result<Vec<Document>, StoreError> {
    // Without a hint SQLite would scan the whole collection to find the few new documents. Only
    // subcollections of documents are watched as a whole, so only those have the index.
    let has_index = query.id.is_none() && query.collection.contains('/');
    let mut select =
        Select::matching(query, if has_index { "INDEXED BY documents_by_version" } else { "" })?;
    if has_index {
        select.and("instr(collection, '/')", []);
    }
    select.and("version > ?", [version.0.into()]);
    select.order(query)?;
    select.run(connection)
}

/// The version of the latest commit.
pub(super) fn latest(connection: &Connection) -> Result<Version, StoreError> {
    let mut select = prepare(connection, "SELECT version FROM counter")?;
    select.query_row([], |row| row.get(0)).map(Version).map_err(unavailable)
}

fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
    connection.prepare_cached(sql).map_err(unavailable)
}

type Stored = (Key, Version, String);

fn stored(row: &Row<'_>) -> Result<Stored, rusqlite::Error> {
    let key = Key { collection: row.get(0)?, id: row.get(1)? };
    Ok((key, Version(row.get(2)?), row.get(3)?))
}

fn decode((key, version, text): Stored) -> Result<Document, StoreError> {
    match Body::parse(text) {
        Ok(body) => Ok(Document { key, version, body }),
        Err(error) => {
            Err(StoreError::invalid(&key, format!("the stored document cannot be read: {error}")))
        }
    }
}

/// A statement under construction, with the values of its `?` placeholders.
struct Select {
    text: String,
    values: Vec<types::Value>,
}

impl Select {
    fn matching(query: &Query, index: &str) -> Result<Self, StoreError> {
        check_query(query)?;
        let text = format!(
            "SELECT collection, id, version, body FROM documents {index} WHERE collection = ?"
        );
        let mut select = Self { text, values: vec![query.collection.clone().into()] };
        if let Some(id) = &query.id {
            select.and("id = ?", [id.clone().into()]);
        }
        for filter in &query.filters {
            let value = comparable(&filter.value)
                .ok_or_else(|| invalid(query, "the condition's value has no order"))?;
            let field = Field::new(query, &filter.field)?;
            select.and(&format!("{} IN ({})", field.json_type, json_types(&filter.value)), []);
            select.and(&format!("{} {} ?", field.value, operator(filter.comparison)), [value]);
        }
        if let Some((name, _)) = &query.order {
            select.and(&format!("{} IS NOT NULL", Field::new(query, name)?.value), []);
        }
        Ok(select)
    }

    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = types::Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.extend(values);
    }

    fn behind_cursor(&mut self, query: &Query) -> Result<(), StoreError> {
        let Some(cursor) = &query.after else { return Ok(()) };
        let id = types::Value::from(cursor.id.clone());
        let beyond = match &query.order {
            Some((_, Direction::Descending)) => "<",
            Some((_, Direction::Ascending)) | None => ">",
        };
        match (&query.order, &cursor.value) {
            (None, None) => self.and(&format!("id {beyond} ?"), [id]),
            (Some((name, _)), Some(value)) => {
                let value = comparable(value)
                    .ok_or_else(|| invalid(query, "the cursor's value has no order"))?;
                let field = Field::new(query, name)?.value;
                // Implied by the second condition, but this form can use an index.
                self.and(&format!("{field} {beyond}= ?"), [value.clone()]);
                self.and(&format!("({field} {beyond} ? OR id {beyond} ?)"), [value, id]);
            }
            _ => return Err(invalid(query, "the cursor does not fit the query's order")),
        }
        Ok(())
    }

    fn order(&mut self, query: &Query) -> Result<(), StoreError> {
        let order = match &query.order {
            None => " ORDER BY id".into(),
            Some((name, Direction::Ascending)) => {
                format!(" ORDER BY {}, id", Field::new(query, name)?.value)
            }
            Some((name, Direction::Descending)) => {
                format!(" ORDER BY {} DESC, id DESC", Field::new(query, name)?.value)
            }
        };
        self.text.push_str(&order);
        Ok(())
    }

    fn run(self, connection: &Connection) -> Result<Vec<Document>, StoreError> {
        let mut select = prepare(connection, &self.text)?;
        let rows = select.query_map(params_from_iter(self.values), stored).map_err(unavailable)?;
        rows.map(|row| decode(row.map_err(unavailable)?)).collect()
    }
}

fn invalid(query: &Query, reason: &str) -> StoreError {
    StoreError::invalid(
        &Key::new(&query.collection, query.id.as_deref().unwrap_or_default()),
        reason.into(),
    )
}

/// SQL expressions for a top-level field.
struct Field {
    value: String,
    json_type: String,
}

impl Field {
    /// The name becomes part of the statement, because an index on an expression only serves the
    /// same text; so a name may hold only letters, digits and `_`.
    fn new(query: &Query, name: &str) -> Result<Self, StoreError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(invalid(query, "a queried field is named with letters, digits and `_`"));
        }
        let value = if columns::has(name) {
            name.into()
        } else {
            format!("json_extract(body, '$.{name}')")
        };
        Ok(Self { value, json_type: format!("json_type(body, '$.{name}')") })
    }
}

fn json_types(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "'true', 'false'",
        Value::Number(_) => "'integer'",
        Value::String(_) => "'text'",
        Value::Null | Value::Array(_) | Value::Object(_) => "",
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::connection;

    /// SQLite's plan for the query.
    fn plan(query: &Query) -> String {
        let dir = tempfile::tempdir().unwrap();
        let connection = connection::writing(&connection::prepare(dir.path()).unwrap()).unwrap();
        let mut select = Select::matching(query, "").unwrap();
        select.behind_cursor(query).unwrap();
        select.order(query).unwrap();
        let mut explain =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {}", select.text)).unwrap();
        let steps = explain
            .query_map(params_from_iter(select.values), |row| row.get::<_, String>("detail"))
            .unwrap();
        steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    }

    fn check(query: &Query, index: &str) {
        let plan = plan(query);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
    }

    #[test]
    fn sweep_and_list_queries_use_an_index() {
        let due = |field| {
            let due = Query::collection("tasks").filter(
                field,
                Comparison::LessOrEqual,
                "2026-11-22T09:30:00.000Z",
            );
            due.order(field, Direction::Ascending)
        };
        check(&due("wake_at"), "documents_by_wake_at");
        check(&due("sweep_at"), "documents_by_sweep_at");
        check(&Query::collection("tasks").equal("business", "acme"), "documents_by_business");
        check(&Query::collection("calls").equal("task", "t1"), "documents_by_task");
        check(&Query::collection("tasks"), "sqlite_autoindex_documents_1");
        check(
            &Query::document(&Key::new("tasks", "t1")),
            "sqlite_autoindex_documents_1 (collection=? AND id=?)",
        );
    }

    #[test]
    fn a_field_name_cannot_inject_sql() {
        for name in ["", "a'b", "a.b", "a b", "ä"] {
            let query = Query::collection("tasks").order(name, Direction::Ascending);
            assert!(
                matches!(Select::matching(&query, ""), Err(StoreError::Invalid { .. })),
                "{name}"
            );
        }
    }
}
