//! Finds the collections of a directory and their segments.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use crate::source::SourceError;

/// A segment of a collection.
pub(super) struct SegmentInfo {
    pub(super) id: String,
    /// The last change of the queue that it includes.
    pub(super) max_seq_id: i64,
}

/// A collection and its segments.
pub(super) struct FoundCollection {
    pub(super) id: String,
    pub(super) vector_segment: SegmentInfo,
    pub(super) metadata_segment: SegmentInfo,
    pub(super) space: String,
}

/// The collection of this name, or the only one.
pub(super) fn find(
    connection: &Connection,
    path: &Path,
    name: Option<&str>,
) -> Result<FoundCollection, SourceError> {
    let unreadable = |error: rusqlite::Error| SourceError::new(path, error);
    let all = collections(connection).map_err(unreadable)?;
    let names = all.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    let chosen: Vec<_> = all.iter().filter(|(_, it)| name.is_none_or(|name| name == it)).collect();
    let id = match chosen[..] {
        [(id, _)] => id.clone(),
        [] if all.is_empty() => return Err(SourceError::new(path, "it has no collections")),
        [] => {
            return Err(SourceError::new(path, format!("no such collection; there are: {names}")));
        }
        _ => return Err(SourceError::new(path, format!("--collection must name one of: {names}"))),
    };
    let part = |scope: &str| {
        let part = part(connection, &id, scope).map_err(unreadable)?;
        part.ok_or_else(|| SourceError::new(path, format!("the collection has no {scope} segment")))
    };
    Ok(FoundCollection {
        vector_segment: part("VECTOR")?,
        metadata_segment: part("METADATA")?,
        space: space(connection, &id).map_err(unreadable)?,
        id,
    })
}

fn collections(connection: &Connection) -> Result<Vec<(String, String)>, rusqlite::Error> {
    let mut select = connection.prepare("SELECT id, name FROM collections ORDER BY name")?;
    let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

fn part(
    connection: &Connection,
    collection: &str,
    scope: &str,
) -> Result<Option<SegmentInfo>, rusqlite::Error> {
    let select = "SELECT s.id, coalesce(m.seq_id, 0) FROM segments s LEFT JOIN max_seq_id m ON m.segment_id = s.id
        WHERE s.collection = ? AND s.scope = ?";
    let part =
        |row: &rusqlite::Row<'_>| Ok(SegmentInfo { id: row.get(0)?, max_seq_id: row.get(1)? });
    connection.query_row(select, [collection, scope], part).optional()
}

/// The distance function of the collection's index; Chroma's default is `l2`.
fn space(connection: &Connection, collection: &str) -> Result<String, rusqlite::Error> {
    let select = "SELECT schema_str FROM collections WHERE id = ?";
    let schema: Option<String> = connection.query_row(select, [collection], |row| row.get(0))?;
    let schema: Value =
        schema.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let space = schema.pointer("/keys/#embedding/float_list/vector_index/config/space");
    Ok(space.and_then(Value::as_str).unwrap_or("l2").into())
}
