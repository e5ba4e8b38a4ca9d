//! Exact nearest-neighbour search: every vector of the business is scanned.
//!
//! Memory holds each vector rounded to one byte per component, 154 MB for 100,000 of them. A scan
//! over these gives an upper bound of every score; the vectors that may be among the nearest are
//! then read from the table and scored in full. The result is the same as with full scores for all.

mod exact;
mod matrix;
mod quantised;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use domain::{BusinessId, vector::DIMENSIONS};
use ports::{Neighbour, StoreError, VectorError, VectorIndex, VectorItem, VectorQuery};
use rusqlite::Connection;
use tokio::{
    sync::{OwnedRwLockReadGuard, RwLock},
    task::spawn_blocking,
};

use crate::store::{Store, unavailable};
use matrix::Matrix;

const MAX_TOP_K: usize = 1000;

/// The most vectors in memory over all businesses, about 310 MB; a single business may exceed it.
const MOST_IN_MEMORY: usize = 200_000;

/// A business's vectors in memory; `None` until they are needed. The lock is held during a write to
/// the table, so that memory and table stay consistent.
type Vectors = Arc<RwLock<Option<Matrix>>>;

/// Vectors in the store's file, searched in memory.
pub struct VectorScan {
    store: Store,
    tenants: Mutex<Tenants>,
    most_in_memory: usize,
}

#[derive(Default)]
struct Tenants {
    by_business: HashMap<BusinessId, Tenant>,
    turn: u64,
}

#[derive(Default)]
struct Tenant {
    vectors: Vectors,
    /// The sequence number of their last use.
    used: u64,
}

impl VectorScan {
    /// Vectors stored in `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), tenants: Mutex::default(), most_in_memory: MOST_IN_MEMORY }
    }

    fn tenant(&self, business: &BusinessId) -> Vectors {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.turn += 1;
        let used = tenants.turn;
        let tenant = tenants.by_business.entry(business.clone()).or_default();
        tenant.used = used;
        tenant.vectors.clone()
    }

    /// Evicts the least recently used businesses until `newest` more vectors fit. Those being
    /// searched, changed or read stay.
    fn make_room(&self, newest: usize) {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let free =
            |tenant: &Tenant| Some((tenant.used, tenant.vectors.clone().try_write_owned().ok()?));
        let mut idle: Vec<_> = tenants.by_business.values().filter_map(free).collect();
        idle.sort_by_key(|(used, _)| *used);
        let mut total = newest
            + idle
                .iter()
                .filter_map(|(_, vectors)| vectors.as_ref())
                .map(Matrix::len)
                .sum::<usize>();
        for (_, mut vectors) in idle {
            if total <= self.most_in_memory {
                break;
            }
            total -= vectors.take().map_or(0, |matrix| matrix.len());
        }
    }

    /// The business's vectors, read from the table on first use.
    async fn loaded(
        &self,
        business: &BusinessId,
    ) -> Result<OwnedRwLockReadGuard<Option<Matrix>>, VectorError> {
        let tenant = self.tenant(business);
        let vectors = tenant.clone().read_owned().await;
        if vectors.is_some() {
            return Ok(vectors);
        }
        drop(vectors);
        let mut vectors = tenant.write_owned().await;
        if vectors.is_none() {
            let business = business.clone();
            let matrix = self
                .store
                .read(move |connection| table::load(connection, &business).map_err(unavailable))
                .await;
            let matrix = matrix.map_err(failed)?;
            self.make_room(matrix.len());
            *vectors = Some(matrix);
        }
        Ok(vectors.downgrade())
    }

    /// Changes the table, then the matrix. It runs as a separate task, because a caller that stops
    /// halfway would leave them inconsistent.
    async fn change(
        &self,
        business: &BusinessId,
        table: impl FnOnce(&Connection) -> Result<(), rusqlite::Error> + Send + 'static,
        memory: impl FnOnce(&mut Matrix) + Send + 'static,
    ) -> Result<(), VectorError> {
        let (store, tenant) = (self.store.clone(), self.tenant(business));
        let change = tokio::spawn(async move {
            let mut vectors = tenant.write().await;
            let outcome =
                store.write(move |connection| table(connection).map_err(unavailable)).await;
            match &outcome {
                Ok(()) => vectors.as_mut().map_or((), memory),
                // The change may have taken effect; only the table knows.
                Err(_) => *vectors = None,
            }
            outcome.map_err(failed)
        });
        change
            .await
            .map_err(|error| VectorError::Unavailable(format!("a change was cut short: {error}")))?
    }
}

#[async_trait]
impl VectorIndex for VectorScan {
    async fn upsert(
        &self,
        business: &BusinessId,
        items: Vec<VectorItem>,
    ) -> Result<(), VectorError> {
        for item in &items {
            check(&item.embedding)
                .map_err(|reason| VectorError::Invalid(format!("`{}`: {reason}", item.id)))?;
        }
        let (owner, stored) = (business.clone(), items.clone());
        let table = move |connection: &Connection| {
            stored.iter().try_for_each(|item| table::put(connection, &owner, item))
        };
        let memory = |matrix: &mut Matrix| items.into_iter().for_each(|item| matrix.put(item));
        self.change(business, table, memory).await
    }

    async fn delete(&self, business: &BusinessId, ids: &[String]) -> Result<(), VectorError> {
        let (owner, doomed, ids) = (business.clone(), ids.to_vec(), ids.to_vec());
        let table = move |connection: &Connection| {
            doomed.iter().try_for_each(|id| table::remove(connection, &owner, id))
        };
        let memory = move |matrix: &mut Matrix| ids.iter().for_each(|id| matrix.remove(id));
        self.change(business, table, memory).await
    }

    async fn search(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        check(&query.embedding).map_err(VectorError::Invalid)?;
        if !(1..=MAX_TOP_K).contains(&query.top_k) {
            return Err(VectorError::Invalid(format!("top_k must be 1 to {MAX_TOP_K}")));
        }
        // Held to the end, so that no change can come between the matrix and the table.
        let vectors = self.loaded(&query.business).await?;
        let VectorQuery { business, embedding, top_k, filter } = query.clone();
        let unit = exact::normalised(&embedding);
        let scan = spawn_blocking(move || {
            let candidates = vectors
                .as_ref()
                .map(|matrix| matrix.candidates(&unit, &filter))
                .unwrap_or_default();
            (vectors, unit, candidates)
        });
        let cut_short =
            |error| VectorError::Unavailable(format!("a search was cut short: {error}"));
        let (vectors, unit, candidates) = scan.await.map_err(cut_short)?;
        let exact = self.store.read(move |connection| {
            let Some(matrix) = vectors.as_ref() else { return Ok(Vec::new()) };
            let stored =
                |id: &str| table::embedding(connection, &business, id).map_err(unavailable);
            exact::nearest(matrix, &unit, candidates, top_k, stored)
        });
        exact.await.map_err(failed)
    }
}

fn check(embedding: &[f32]) -> Result<(), String> {
    if embedding.len() != DIMENSIONS {
        return Err(format!("a vector has {DIMENSIONS} dimensions, not {}", embedding.len()));
    }
    let norm = exact::norm(embedding);
    if norm.is_finite() && norm > 0.0 {
        Ok(())
    } else {
        Err("a vector needs a direction: finite and not zero".into())
    }
}

fn failed(error: StoreError) -> VectorError {
    match error {
        StoreError::Unavailable(reason) => VectorError::Unavailable(reason),
        other @ (StoreError::Conflict(_) | StoreError::Invalid { .. }) => {
            VectorError::Invalid(other.to_string())
        }
    }
}
