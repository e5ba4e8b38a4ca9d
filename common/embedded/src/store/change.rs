//! A commit, inside the transaction it shares with others.

use std::collections::BTreeMap;

use ports::{
    Document, Key, Precondition, StoreError, Version, Write,
    documents::{Body, Change, MAX_DOCUMENT_BYTES},
};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{cache::Known, query, unavailable};

/// What a commit has made of its documents, in the order of its writes.
pub(super) struct Applied {
    pub(super) version: Version,
    pub(super) documents: Vec<(Key, Known)>,
}

/// Applies the writes under the next version of the database. The caller undoes them all on an error.
pub(super) fn apply(connection: &Connection, writes: Vec<Write>) -> Result<Applied, StoreError> {
    let next = "UPDATE counter SET version = version + 1 RETURNING version";
    let mut next = connection.prepare_cached(next).map_err(unavailable)?;
    let version = next.query_row([], |row| row.get(0)).map(Version).map_err(unavailable)?;
    let mut documents = Vec::with_capacity(writes.len());
    for write in writes {
        if !holds(connection, &write)? {
            return Err(StoreError::Conflict(write.key));
        }
        let body = match write.change {
            Change::Replace(body) => Some(body),
            Change::Merge { set, increments, remove } => {
                Some(merged(connection, &write.key, set, &increments, &remove)?)
            }
            Change::Delete => None,
        };
        let known = match body {
            Some(body) => replace(connection, &write.key, version, body)?,
            None => delete(connection, &write.key)?,
        };
        documents.push((write.key, known));
    }
    Ok(Applied { version, documents })
}

/// Deletes up to `limit` documents that expired before `now`.
pub(super) fn delete_expired(connection: &Connection, now: &str, limit: usize) -> Result<Vec<Key>, StoreError> {
    let delete = "DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents
        WHERE json_extract(body, '$.expire_at') < ? LIMIT ?) RETURNING collection, id";
    let mut delete = connection.prepare_cached(delete).map_err(unavailable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let keys = delete
        .query_map(params![now, limit], |row| Ok(Key { collection: row.get(0)?, id: row.get(1)? }))
        .map_err(unavailable)?;
    keys.map(|key| key.map_err(unavailable)).collect()
}

fn holds(connection: &Connection, write: &Write) -> Result<bool, StoreError> {
    let select = "SELECT version FROM documents WHERE collection = ? AND id = ?";
    let mut select = connection.prepare_cached(select).map_err(unavailable)?;
    let key = [&write.key.collection, &write.key.id];
    let current = select.query_row(key, |row| row.get(0)).optional().map_err(unavailable)?.map(Version);
    Ok(match write.precondition {
        Precondition::Absent => current.is_none(),
        Precondition::Exists => current.is_some(),
        Precondition::Version(expected) => current == Some(expected),
    })
}

fn replace(connection: &Connection, key: &Key, version: Version, body: Body) -> Result<Known, StoreError> {
    let upsert = "INSERT INTO documents (collection, id, version, body) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body";
    let text = serde_json::to_string(&body).map_err(|error| StoreError::invalid(key, error.to_string()))?;
    if text.len() > MAX_DOCUMENT_BYTES {
        let reason = format!("the document would have {} bytes; the limit is {MAX_DOCUMENT_BYTES}", text.len());
        return Err(StoreError::invalid(key, reason));
    }
    let mut upsert = connection.prepare_cached(upsert).map_err(unavailable)?;
    upsert.execute(params![key.collection, key.id, version.0, text]).map_err(unavailable)?;
    Ok(Known::new(Some(Document { key: key.clone(), version, body }), text.len()))
}

fn delete(connection: &Connection, key: &Key) -> Result<Known, StoreError> {
    let delete = "DELETE FROM documents WHERE collection = ? AND id = ?";
    let mut delete = connection.prepare_cached(delete).map_err(unavailable)?;
    delete.execute([&key.collection, &key.id]).map_err(unavailable)?;
    Ok(Known::new(None, 0))
}

fn merged(
    connection: &Connection,
    key: &Key,
    set: Body,
    increments: &BTreeMap<String, i64>,
    remove: &[String],
) -> Result<Body, StoreError> {
    let current = query::one(connection, key)?.ok_or_else(|| StoreError::Conflict(key.clone()))?;
    let mut body = current.0.body;
    body.extend(set);
    for (field, by) in increments {
        let current = body.get(field).map_or(Some(0), Value::as_i64);
        let Some(sum) = current.and_then(|current| current.checked_add(*by)) else {
            return Err(StoreError::invalid(key, format!("`{field}` cannot be incremented by {by}")));
        };
        body.insert(field.clone(), sum.into());
    }
    for field in remove {
        body.remove(field);
    }
    Ok(body)
}
