//! The table of vectors, with all components in full precision.

use domain::BusinessId;
use ports::VectorItem;
use rusqlite::{Connection, params};

use super::matrix::Matrix;

pub(super) fn put(
    connection: &Connection,
    business: &BusinessId,
    item: &VectorItem,
) -> Result<(), rusqlite::Error> {
    let upsert = "INSERT INTO vectors (business, id, embedding, metadata) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata";
    let blob: Vec<u8> =
        item.embedding.iter().flat_map(|component| component.to_le_bytes()).collect();
    let metadata = serde_json::Value::Object(item.metadata.clone()).to_string();
    connection.prepare_cached(upsert)?.execute(params![
        business.as_str(),
        item.id,
        blob,
        metadata
    ])?;
    Ok(())
}

pub(super) fn remove(
    connection: &Connection,
    business: &BusinessId,
    id: &str,
) -> Result<(), rusqlite::Error> {
    let delete = "DELETE FROM vectors WHERE business = ? AND id = ?";
    connection.prepare_cached(delete)?.execute(params![business.as_str(), id])?;
    Ok(())
}

/// One vector's components.
pub(super) fn embedding(
    connection: &Connection,
    business: &BusinessId,
    id: &str,
) -> Result<Vec<f32>, rusqlite::Error> {
    let mut select =
        connection.prepare_cached("SELECT embedding FROM vectors WHERE business = ? AND id = ?")?;
    select.query_row([business.as_str(), id], |row| Ok(floats(row.get_ref(0)?.as_blob()?)))
}

/// All vectors of a business. Only one row at a time is in memory in full precision.
pub(super) fn load(
    connection: &Connection,
    business: &BusinessId,
) -> Result<Matrix, rusqlite::Error> {
    let count = "SELECT count(*) FROM vectors WHERE business = ?";
    let count: i64 = connection.query_row(count, [business.as_str()], |row| row.get(0))?;
    let select = "SELECT id, embedding, metadata FROM vectors WHERE business = ? ORDER BY id";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([business.as_str()])?;
    let mut matrix = Matrix::with_capacity(usize::try_from(count).unwrap_or_default());
    while let Some(row) = rows.next()? {
        let metadata: String = row.get(2)?;
        matrix.put(VectorItem {
            id: row.get(0)?,
            embedding: floats(row.get_ref(1)?.as_blob()?),
            // Written by `put`, so it is an object.
            metadata: serde_json::from_str(&metadata).unwrap_or_default(),
        });
    }
    Ok(matrix)
}

fn floats(blob: &[u8]) -> Vec<f32> {
    let (components, _) = blob.as_chunks::<4>();
    components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
