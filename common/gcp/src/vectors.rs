//! Vectors in Firestore: nothing to pay while nobody searches.
//!
//! `findNearest` answers by distance within a business. A metadata filter is applied to what it answers, because a
//! pre-filter would need a composite index for every field that anybody ever filters by; when the nearest thousand hold
//! too few matches, the business's vectors are read page by page and compared here, so that no match is ever missed.

mod encoding;
mod nearest;

use std::cmp::Ordering;

use async_trait::async_trait;
use domain::{BusinessId, vector::DIMENSIONS};
use gcloud_sdk::google::firestore::v1::{CommitRequest, Write};
use ports::{Key, Neighbour, StoreError, VectorError, VectorIndex, VectorItem, VectorQuery};

use crate::{Credentials, FirestoreTarget, firestore::Connection};

/// Where embeddings are kept; `{business}:{id}` in it.
const COLLECTION: &str = "embeddings";
/// The most neighbours that Firestore answers with, and that anybody may ask for.
const MOST: usize = 1000;
/// Vectors a commit: a hundred take two of the ten MiB that a commit may have.
const BATCH: usize = 100;
/// Vectors a page of a scan.
const PAGE: usize = 200;

/// Embeddings in one Firestore database.
pub struct FirestoreVectors {
    connection: Connection,
}

/// A stored vector that was read.
struct Found {
    id: String,
    embedding: Vec<f32>,
    metadata: serde_json::Map<String, serde_json::Value>,
}

impl FirestoreVectors {
    /// An index that connects at its first use. `credentials` are not asked for on an emulator.
    pub fn new(target: FirestoreTarget, credentials: Option<Credentials>) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::new(target, credentials)? })
    }

    /// Unconditional writes may be repeated, so an unclear outcome is no danger: the caller repeats them.
    async fn write(&self, writes: Vec<Write>) -> Result<(), VectorError> {
        let database = self.connection.database();
        let request = CommitRequest { database, writes, ..CommitRequest::default() };
        let committed = self.connection.once(|mut client| async move { client.commit(request).await }).await;
        committed.map(|_| ()).map_err(|status| VectorError::Unavailable(status.message().into()))
    }

    /// Compares every vector of the business.
    async fn scan(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        let mut best: Vec<Neighbour> = Vec::new();
        let mut last: Option<String> = None;
        loop {
            let page = self.read(nearest::page(&self.connection, &query.business, last.as_deref(), PAGE)).await?;
            let is_last = page.len() < PAGE;
            last = page.last().map(|found| found.id.clone());
            best.extend(page.iter().filter(|found| query.filter.matches(&found.metadata)).map(|f| neighbour(query, f)));
            best.sort_by(closest_first);
            best.truncate(query.top_k);
            if is_last {
                return Ok(best);
            }
        }
    }
}

#[async_trait]
impl VectorIndex for FirestoreVectors {
    async fn upsert(&self, business: &BusinessId, items: Vec<VectorItem>) -> Result<(), VectorError> {
        for item in &items {
            check(&item.embedding).map_err(|reason| VectorError::Invalid(format!("`{}`: {reason}", item.id)))?;
        }
        let put = |item: &VectorItem| encoding::put(self.connection.name(&key(business, &item.id)), business, item);
        for batch in items.chunks(BATCH) {
            self.write(batch.iter().map(put).collect::<Result<_, _>>().map_err(VectorError::Invalid)?).await?;
        }
        Ok(())
    }

    async fn delete(&self, business: &BusinessId, ids: &[String]) -> Result<(), VectorError> {
        for batch in ids.chunks(BATCH) {
            let names = batch.iter().map(|id| self.connection.name(&key(business, id)));
            self.write(names.map(encoding::delete).collect()).await?;
        }
        Ok(())
    }

    async fn search(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        check(&query.embedding).map_err(VectorError::Invalid)?;
        if !(1..=MOST).contains(&query.top_k) {
            return Err(VectorError::Invalid(format!("top_k must be 1 to {MOST}")));
        }
        // More than asked for: the filter takes some away, and which of equally near ones come is not for the store
        // to decide.
        let asked = if query.filter.0.is_empty() { (query.top_k * 2 + 16).min(MOST) } else { MOST };
        let found = self.read(nearest::nearest(&self.connection, query, asked)).await?;
        let is_all = found.len() < asked;
        let matching = found.iter().filter(|found| query.filter.matches(&found.metadata));
        let mut neighbours: Vec<Neighbour> = matching.map(|found| neighbour(query, found)).collect();
        if !is_all && neighbours.len() < query.top_k {
            return self.scan(query).await;
        }
        neighbours.sort_by(closest_first);
        neighbours.truncate(query.top_k);
        Ok(neighbours)
    }
}

fn key(business: &BusinessId, id: &str) -> Key {
    Key::new(COLLECTION, format!("{business}:{id}"))
}

/// The score is computed here: the store's distance comes rounded and with a sign of its own for every measure.
fn neighbour(query: &VectorQuery, found: &Found) -> Neighbour {
    Neighbour { id: found.id.clone(), score: cosine(&query.embedding, &found.embedding) }
}

fn closest_first(a: &Neighbour, b: &Neighbour) -> Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "a cosine lies between -1 and 1")]
    let score = cosine as f32;
    score
}

fn check(embedding: &[f32]) -> Result<(), String> {
    if embedding.len() != DIMENSIONS {
        return Err(format!("a vector has {DIMENSIONS} dimensions, not {}", embedding.len()));
    }
    let norm: f32 = embedding.iter().map(|x| x * x).sum();
    if norm.is_finite() && norm > 0.0 { Ok(()) } else { Err("a vector needs a direction: finite and not zero".into()) }
}
