//! Reads ids and metadata from the metadata segment, which is a few tables.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Map, Value};

use super::MetadataSource;

/// Every id of a metadata segment with its row.
pub(super) fn ids(
    connection: &Connection,
    segment: &str,
) -> Result<BTreeMap<String, MetadataSource>, rusqlite::Error> {
    let mut select =
        connection.prepare("SELECT embedding_id, id FROM embeddings WHERE segment_id = ?")?;
    let known = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, MetadataSource { row: Some(row.get(1)?), patches: Vec::new() }))
    };
    select.query_map([segment], known)?.collect()
}

/// The metadata of a row, document included.
pub(super) fn metadata(
    connection: &Connection,
    row: i64,
) -> Result<Map<String, Value>, rusqlite::Error> {
    let mut metadata = Map::new();
    let select = "SELECT key, string_value, int_value, float_value, bool_value FROM embedding_metadata WHERE id = ?";
    let mut select = connection.prepare_cached(select)?;
    let mut found = select.query([row])?;
    while let Some(row) = found.next()? {
        metadata.insert(row.get(0)?, value(row)?);
    }
    for (name, value) in lists(connection, row)? {
        if let Value::Array(list) = metadata.entry(name).or_insert_with(|| Value::Array(Vec::new()))
        {
            list.push(value);
        }
    }
    Ok(metadata)
}

/// Values of lists, which releases before 1.5 do not have.
fn lists(connection: &Connection, row: i64) -> Result<Vec<(String, Value)>, rusqlite::Error> {
    if !connection.table_exists(None, "embedding_metadata_array")? {
        return Ok(Vec::new());
    }
    let select =
        "SELECT key, string_value, int_value, float_value, bool_value FROM embedding_metadata_array
        WHERE id = ? ORDER BY rowid";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_map([row], |row| Ok((row.get(0)?, value(row)?)))?;
    found.collect()
}

/// The value of whichever of the four columns is set.
fn value(row: &rusqlite::Row<'_>) -> Result<Value, rusqlite::Error> {
    if let Some(is) = row.get::<_, Option<bool>>(4)? {
        return Ok(is.into());
    }
    if let Some(text) = row.get::<_, Option<String>>(1)? {
        return Ok(text.into());
    }
    if let Some(number) = row.get::<_, Option<i64>>(2)? {
        return Ok(number.into());
    }
    Ok(row.get::<_, Option<f64>>(3)?.into())
}
