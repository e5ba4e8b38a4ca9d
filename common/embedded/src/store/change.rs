//! A commit inside the transaction that it shares with others: first all its writes are decided,
//! then all are applied. A commit that is refused has therefore changed nothing, and the other
//! commits of the transaction are unaffected.

use std::collections::BTreeMap;

use ports::{
    Document, Key, Precondition, StoreError, Version, Write,
    documents::{Body, Change, Fields, MAX_DOCUMENT_BYTES},
};
use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter};
use serde_json::Value;

use super::{
    cache::Cached,
    columns::{self, Values},
    query, unavailable,
};

const SELECT: &str = "SELECT rowid, version, business, task, wake_at, sweep_at, expire_at
    FROM documents WHERE collection = ? AND id = ?";
const INSERT: &str = "INSERT OR ROLLBACK INTO documents
    (collection, id, version, business, task, wake_at, sweep_at, expire_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A write whose precondition holds.
pub(super) struct Decided {
    key: Key,
    /// The document's row, if it exists.
    row: Option<Row>,
    /// The document's fields and its columns; `None` after a deletion.
    content: Option<(Body, Values)>,
}

/// The stored row of a document: its rowid, version and column values.
struct Row {
    id: i64,
    version: Version,
    columns: Values,
}

/// The documents after a commit, in the order of its writes.
pub(super) struct Applied {
    pub(super) version: Version,
    pub(super) documents: Vec<(Key, Cached)>,
}

pub(super) fn decide(
    connection: &Connection,
    writes: Vec<Write>,
) -> Result<Vec<Decided>, StoreError> {
    writes.into_iter().map(|write| decide_one(connection, write)).collect()
}

fn decide_one(connection: &Connection, write: Write) -> Result<Decided, StoreError> {
    let Write { key, precondition, change } = write;
    let row = row(connection, &key)?;
    let holds = match precondition {
        Precondition::Absent => row.is_none(),
        Precondition::Exists => row.is_some(),
        Precondition::Version(expected) => row.as_ref().is_some_and(|row| row.version == expected),
    };
    if !holds {
        return Err(StoreError::Conflict(key));
    }
    let body = match change {
        Change::Replace(body) => Some(body),
        Change::Merge { set, increments, remove } => {
            Some(merged(connection, &key, set, &increments, &remove)?.into())
        }
        Change::Delete => None,
    };
    let content = match body {
        Some(body) => {
            let columns = columns(&key, &body)?;
            Some((body, columns))
        }
        None => None,
    };
    Ok(Decided { key, row, content })
}

fn row(connection: &Connection, key: &Key) -> Result<Option<Row>, StoreError> {
    let mut select = connection.prepare_cached(SELECT).map_err(unavailable)?;
    let found = select.query_row([&key.collection, &key.id], |row| {
        let columns = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?];
        Ok(Row { id: row.get(0)?, version: Version(row.get(1)?), columns })
    });
    found.optional().map_err(unavailable)
}

fn columns(key: &Key, body: &Body) -> Result<Values, StoreError> {
    let bytes = body.text().len();
    if bytes > MAX_DOCUMENT_BYTES {
        let reason =
            format!("the document would have {bytes} bytes; the limit is {MAX_DOCUMENT_BYTES}");
        return Err(StoreError::invalid(key, reason));
    }
    Ok(columns::of(body))
}

/// Applies what was decided under the database's next version. Only SQLite itself can fail here,
/// and may then leave the commit half written: the whole transaction must be rolled back.
pub(super) fn apply(connection: &Connection, decided: Vec<Decided>) -> Result<Applied, StoreError> {
    let version = Version(query::latest(connection)?.0 + 1);
    // `OR ROLLBACK`, here and below: no single statement ever needs undoing, so SQLite need not
    // keep a journal for it.
    let count = "UPDATE OR ROLLBACK counter SET version = ?";
    let mut count = connection.prepare_cached(count).map_err(unavailable)?;
    count.execute([version.0]).map_err(unavailable)?;
    let mut documents = Vec::with_capacity(decided.len());
    for Decided { key, row, content } in decided {
        let cached = if let Some((body, columns)) = content {
            let bytes = body.text().len();
            store(connection, &key, row.as_ref(), version, (&body, &columns))?;
            Cached::new(Some(Document { key: key.clone(), version, body }), bytes)
        } else {
            delete(connection, row.as_ref())?;
            Cached::new(None, 0)
        };
        documents.push((key, cached));
    }
    Ok(Applied { version, documents })
}

fn store(
    connection: &Connection,
    key: &Key,
    row: Option<&Row>,
    version: Version,
    (body, columns): (&Body, &Values),
) -> Result<(), StoreError> {
    let text = body.text();
    let (statement, values) = match row {
        None => {
            let first: [&dyn ToSql; 3] = [&key.collection, &key.id, &version.0];
            let columns = columns.iter().map(|column| column as &dyn ToSql);
            (
                INSERT.into(),
                first.into_iter().chain(columns).chain([&text as &dyn ToSql]).collect::<Vec<_>>(),
            )
        }
        Some(row) => {
            let (statement, changed) = columns::update(&row.columns, columns);
            let changed = changed.into_iter().map(|column| column as &dyn ToSql);
            let first: [&dyn ToSql; 2] = [&version.0, &text];
            (statement, first.into_iter().chain(changed).chain([&row.id as &dyn ToSql]).collect())
        }
    };
    let mut statement = connection.prepare_cached(&statement).map_err(unavailable)?;
    statement.execute(params_from_iter(values)).map(|_| ()).map_err(unavailable)
}

fn delete(connection: &Connection, row: Option<&Row>) -> Result<(), StoreError> {
    let delete = "DELETE FROM documents WHERE rowid = ?";
    let mut delete = connection.prepare_cached(delete).map_err(unavailable)?;
    delete.execute([row.map(|row| row.id)]).map(|_| ()).map_err(unavailable)
}

/// Deletes up to `limit` documents that expired before `now`.
pub(super) fn delete_expired(
    connection: &Connection,
    now: &str,
    limit: usize,
) -> Result<Vec<Key>, StoreError> {
    let delete = "DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents
        WHERE expire_at < ? LIMIT ?) RETURNING collection, id";
    let mut delete = connection.prepare_cached(delete).map_err(unavailable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let keys = delete
        .query_map(params![now, limit], |row| Ok(Key { collection: row.get(0)?, id: row.get(1)? }))
        .map_err(unavailable)?;
    keys.map(|key| key.map_err(unavailable)).collect()
}

fn merged(
    connection: &Connection,
    key: &Key,
    set: Fields,
    increments: &BTreeMap<String, i64>,
    remove: &[String],
) -> Result<Fields, StoreError> {
    let current = query::one(connection, key)?.ok_or_else(|| StoreError::Conflict(key.clone()))?;
    let mut body = current.0.body.into_fields();
    body.extend(set);
    for (field, by) in increments {
        let current = body.get(field).map_or(Some(0), Value::as_i64);
        let Some(sum) = current.and_then(|current| current.checked_add(*by)) else {
            return Err(StoreError::invalid(
                key,
                format!("`{field}` cannot be incremented by {by}"),
            ));
        };
        body.insert(field.clone(), sum.into());
    }
    for field in remove {
        body.remove(field);
    }
    Ok(body)
}
