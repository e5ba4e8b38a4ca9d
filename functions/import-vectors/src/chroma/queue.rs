//! Reads the queue of changes that a segment may not include yet.

use rusqlite::{Connection, types::Type};
use serde_json::{Map, Value};

/// The kind of a change, with Chroma's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Add = 0,
    Update = 1,
    Upsert = 2,
    Delete = 3,
}

/// A change without its content.
pub(super) struct Change {
    pub(super) seq_id: i64,
    pub(super) operation: Operation,
    pub(super) id: String,
    pub(super) has_vector: bool,
}

/// The collection's changes after `seq_id`, in order.
pub(super) fn after(
    connection: &Connection,
    collection: &str,
    seq_id: i64,
) -> Result<Vec<Change>, rusqlite::Error> {
    // A topic is `persistent://{tenant}/{database}/{collection id}`.
    let select = "SELECT seq_id, operation, id, vector IS NOT NULL FROM embeddings_queue
        WHERE topic LIKE '%/' || ? AND seq_id > ? ORDER BY seq_id";
    let mut select = connection.prepare(select)?;
    let changes = select.query_map((collection, seq_id), |row| {
        let operation = match row.get(1)? {
            0 => Operation::Add,
            1 => Operation::Update,
            2 => Operation::Upsert,
            3 => Operation::Delete,
            other => {
                let unknown = format!("operation {other} in the queue is not known").into();
                return Err(rusqlite::Error::FromSqlConversionFailure(1, Type::Integer, unknown));
            }
        };
        Ok(Change { seq_id: row.get(0)?, operation, id: row.get(2)?, has_vector: row.get(3)? })
    })?;
    changes.collect()
}

/// The metadata that a change sets; null removes a field.
pub(super) fn metadata(connection: &Connection, seq_id: i64) -> Result<Map<String, Value>, String> {
    let select = "SELECT metadata FROM embeddings_queue WHERE seq_id = ?";
    let read = |select: &mut rusqlite::Statement<'_>| select.query_row([seq_id], |row| row.get(0));
    let text: Option<String> = connection
        .prepare_cached(select)
        .and_then(|mut select| read(&mut select))
        .map_err(|error| error.to_string())?;
    let metadata = text.map(|text| serde_json::from_str(&text)).transpose();
    metadata
        .map(Option::unwrap_or_default)
        .map_err(|error| format!("metadata in the queue: {error}"))
}

/// The vector of a change.
pub(super) fn embedding(connection: &Connection, seq_id: i64) -> Result<Vec<f32>, String> {
    let select = "SELECT vector, encoding FROM embeddings_queue WHERE seq_id = ?";
    let read = |select: &mut rusqlite::Statement<'_>| {
        select.query_row([seq_id], |row| Ok((row.get(0)?, row.get(1)?)))
    };
    let (bytes, encoding): (Vec<u8>, String) = connection
        .prepare_cached(select)
        .and_then(|mut select| read(&mut select))
        .map_err(|error| error.to_string())?;
    match encoding.as_str() {
        "FLOAT32" => Ok(floats(&bytes)),
        other => Err(format!("a vector encoded as {other} cannot be read")),
    }
}

pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
