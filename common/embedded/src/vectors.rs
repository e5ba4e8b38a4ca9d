//! Exact nearest-neighbour search: every vector of the business is compared.

mod matrix;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use domain::{BusinessId, vector::DIMENSIONS};
use ports::{Neighbour, StoreError, VectorError, VectorIndex, VectorItem, VectorQuery};
use rusqlite::{Connection, params};
use tokio::{
    sync::{OwnedRwLockReadGuard, RwLock},
    task::spawn_blocking,
};

use crate::store::{Store, unavailable};
use matrix::Matrix;

const MAX_TOP_K: usize = 1000;

/// A business's vectors in memory; `None` until they are needed. The lock is held over a write to the table, so that
/// both change together.
type Tenant = Arc<RwLock<Option<Matrix>>>;

/// Vectors in the store's file, searched in memory.
pub struct VectorScan {
    store: Store,
    tenants: Mutex<HashMap<BusinessId, Tenant>>,
}

impl VectorScan {
    /// Vectors kept in `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), tenants: Mutex::default() }
    }

    fn tenant(&self, business: &BusinessId) -> Tenant {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(business.clone()).or_default().clone()
    }

    /// The business's vectors, read from the table on first use.
    async fn loaded(&self, business: &BusinessId) -> Result<OwnedRwLockReadGuard<Option<Matrix>>, VectorError> {
        let tenant = self.tenant(business);
        let vectors = tenant.clone().read_owned().await;
        if vectors.is_some() {
            return Ok(vectors);
        }
        drop(vectors);
        let mut vectors = tenant.write_owned().await;
        if vectors.is_none() {
            let business = business.clone();
            let matrix = self.store.read(move |connection| load(connection, &business).map_err(unavailable)).await;
            *vectors = Some(matrix.map_err(failed)?);
        }
        Ok(vectors.downgrade())
    }

    /// Changes the table, then the matrix. In a task of its own: a caller who gives up halfway would leave them apart.
    async fn change(
        &self,
        business: &BusinessId,
        table: impl FnOnce(&Connection) -> Result<(), rusqlite::Error> + Send + 'static,
        memory: impl FnOnce(&mut Matrix) + Send + 'static,
    ) -> Result<(), VectorError> {
        let (store, tenant) = (self.store.clone(), self.tenant(business));
        let change = tokio::spawn(async move {
            let mut vectors = tenant.write().await;
            let outcome = store.write(move |connection| table(connection).map_err(unavailable)).await;
            match &outcome {
                Ok(()) => vectors.as_mut().map_or((), memory),
                // It may have taken effect: only the table knows.
                Err(_) => *vectors = None,
            }
            outcome.map_err(failed)
        });
        change.await.map_err(|error| VectorError::Unavailable(format!("a change was cut short: {error}")))?
    }
}

#[async_trait]
impl VectorIndex for VectorScan {
    async fn upsert(&self, business: &BusinessId, items: Vec<VectorItem>) -> Result<(), VectorError> {
        for item in &items {
            check(&item.embedding).map_err(|reason| VectorError::Invalid(format!("`{}`: {reason}", item.id)))?;
        }
        let (owner, stored) = (business.clone(), items.clone());
        let table = move |connection: &Connection| stored.iter().try_for_each(|item| put(connection, &owner, item));
        let memory = |matrix: &mut Matrix| items.into_iter().for_each(|item| matrix.put(item));
        self.change(business, table, memory).await
    }

    async fn delete(&self, business: &BusinessId, ids: &[String]) -> Result<(), VectorError> {
        let (owner, doomed, ids) = (business.clone(), ids.to_vec(), ids.to_vec());
        let table = move |connection: &Connection| doomed.iter().try_for_each(|id| remove(connection, &owner, id));
        let memory = move |matrix: &mut Matrix| ids.iter().for_each(|id| matrix.remove(id));
        self.change(business, table, memory).await
    }

    async fn search(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        check(&query.embedding).map_err(VectorError::Invalid)?;
        if !(1..=MAX_TOP_K).contains(&query.top_k) {
            return Err(VectorError::Invalid(format!("top_k must be 1 to {MAX_TOP_K}")));
        }
        let vectors = self.loaded(&query.business).await?;
        let query = query.clone();
        let scan = spawn_blocking(move || vectors.as_ref().map(|matrix| matrix.nearest(&query)).unwrap_or_default());
        scan.await.map_err(|error| VectorError::Unavailable(format!("a search was cut short: {error}")))
    }
}

fn check(embedding: &[f32]) -> Result<(), String> {
    if embedding.len() != DIMENSIONS {
        return Err(format!("a vector has {DIMENSIONS} dimensions, not {}", embedding.len()));
    }
    let norm = matrix::norm(embedding);
    if norm.is_finite() && norm > 0.0 { Ok(()) } else { Err("a vector needs a direction: finite and not zero".into()) }
}

fn failed(error: StoreError) -> VectorError {
    match error {
        StoreError::Unavailable(reason) => VectorError::Unavailable(reason),
        other @ (StoreError::Conflict(_) | StoreError::Invalid { .. }) => VectorError::Invalid(other.to_string()),
    }
}

fn put(connection: &Connection, business: &BusinessId, item: &VectorItem) -> Result<(), rusqlite::Error> {
    let upsert = "INSERT INTO vectors (business, id, embedding, metadata) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata";
    let blob: Vec<u8> = item.embedding.iter().flat_map(|component| component.to_le_bytes()).collect();
    let metadata = serde_json::Value::Object(item.metadata.clone()).to_string();
    connection.prepare_cached(upsert)?.execute(params![business.as_str(), item.id, blob, metadata])?;
    Ok(())
}

fn remove(connection: &Connection, business: &BusinessId, id: &str) -> Result<(), rusqlite::Error> {
    let delete = "DELETE FROM vectors WHERE business = ? AND id = ?";
    connection.prepare_cached(delete)?.execute(params![business.as_str(), id])?;
    Ok(())
}

fn load(connection: &Connection, business: &BusinessId) -> Result<Matrix, rusqlite::Error> {
    let select = "SELECT id, embedding, metadata FROM vectors WHERE business = ? ORDER BY id";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([business.as_str()])?;
    let mut matrix = Matrix::default();
    while let Some(row) = rows.next()? {
        let (components, _) = row.get_ref(1)?.as_blob()?.as_chunks::<4>();
        let metadata: String = row.get(2)?;
        matrix.put(VectorItem {
            id: row.get(0)?,
            embedding: components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            // Written by `put`, so it is an object.
            metadata: serde_json::from_str(&metadata).unwrap_or_default(),
        });
    }
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let dirs = Mutex::new(Vec::new());
        let make = async || {
            let dir = tempfile::tempdir().unwrap();
            let index = VectorScan::new(&Store::open(dir.path()).unwrap());
            dirs.lock().unwrap().push(dir);
            Arc::new(index)
        };
        testkit::contract::vectors::all(make).await;
    }

    #[tokio::test]
    async fn a_restart_finds_what_was_last_written() {
        let dir = tempfile::tempdir().unwrap();
        let business = BusinessId::new("a").unwrap();
        let item = |id: &str, component: usize, lang: &str| {
            let mut embedding = vec![0.0; DIMENSIONS];
            embedding[component] = 0.5;
            let metadata = serde_json::Map::from_iter([("lang".to_owned(), lang.into())]);
            VectorItem { id: id.into(), embedding, metadata }
        };
        let index = VectorScan::new(&Store::open(dir.path()).unwrap());
        index.upsert(&business, vec![item("x", 0, "de"), item("y", 0, "en")]).await.unwrap();
        index.upsert(&business, vec![item("x", 7, "en")]).await.unwrap();
        index.delete(&business, &["y".into()]).await.unwrap();

        let reopened = VectorScan::new(&Store::open(dir.path()).unwrap());
        let filter = serde_json::from_value(serde_json::json!({"lang": "en"})).unwrap();
        let query = VectorQuery { business, embedding: item("x", 7, "en").embedding, top_k: 5, filter };
        assert_eq!(reopened.search(&query).await, Ok(vec![Neighbour { id: "x".into(), score: 1.0 }]));
    }
}
