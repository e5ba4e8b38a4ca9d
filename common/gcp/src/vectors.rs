//! Vectors in Firestore, which costs nothing while nobody searches.
//!
//! `findNearest` returns results by distance within a business. Metadata filters are applied to
//! these results, because a pre-filter would need a composite index for every filtered field. When
//! the nearest thousand have too few matches, all vectors of the business are read page by page and
//! compared here, so that no match is missed.

mod encoding;
mod nearest;

use async_trait::async_trait;
use domain::BusinessId;
use gcloud_sdk::google::firestore::v1::{CommitRequest, Write};
use ports::{Key, Neighbour, StoreError, VectorError, VectorIndex, VectorItem, VectorQuery};

use crate::{
    Credentials, FirestoreTarget,
    firestore::Connection,
    nearness::{self, MOST, ranked},
};

/// The collection of embeddings; document ids are `{business}:{id}`.
const COLLECTION: &str = "embeddings";
/// Vectors per commit: a hundred take two of the ten MiB that a commit may have.
const BATCH: usize = 100;
/// Vectors per page of a scan.
const PAGE: usize = 200;

/// Embeddings in one Firestore database.
pub struct FirestoreVectors {
    connection: Connection,
}

impl FirestoreVectors {
    /// An index that connects at first use. `credentials` are not used on an emulator.
    pub fn new(
        target: FirestoreTarget,
        credentials: Option<Credentials>,
    ) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::new(target, credentials)? })
    }

    /// Unconditional writes are idempotent, so after an unknown outcome the caller can repeat them.
    async fn write(&self, writes: Vec<Write>) -> Result<(), VectorError> {
        let database = self.connection.database();
        let request = CommitRequest { database, writes, ..CommitRequest::default() };
        let committed =
            self.connection.once(|mut client| async move { client.commit(request).await }).await;
        committed.map(|_| ()).map_err(|status| VectorError::Unavailable(status.message().into()))
    }

    /// Scans every vector of the business.
    async fn scan(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        let mut best: Vec<Neighbour> = Vec::new();
        let mut last: Option<String> = None;
        loop {
            let page = self
                .read(nearest::page(&self.connection, &query.business, last.as_deref(), PAGE))
                .await?;
            let is_last = page.len() < PAGE;
            last = page.last().map(|found| found.id.clone());
            best.extend(ranked(query, &page));
            best.sort_by(nearness::closest_first);
            best.truncate(query.top_k);
            if is_last {
                return Ok(best);
            }
        }
    }
}

#[async_trait]
impl VectorIndex for FirestoreVectors {
    async fn upsert(
        &self,
        business: &BusinessId,
        items: Vec<VectorItem>,
    ) -> Result<(), VectorError> {
        nearness::check_items(&items)?;
        let put = |item: &VectorItem| {
            encoding::put(self.connection.name(&key(business, &item.id)), business, item)
        };
        for batch in items.chunks(BATCH) {
            self.write(
                batch.iter().map(put).collect::<Result<_, _>>().map_err(VectorError::Invalid)?,
            )
            .await?;
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
        nearness::check_query(query)?;
        // More than requested: the filter removes some, and which of equally near vectors are
        // returned must not depend on the store.
        let asked = if query.filter.0.is_empty() { (query.top_k * 2 + 16).min(MOST) } else { MOST };
        let found = self.read(nearest::nearest(&self.connection, query, asked)).await?;
        let is_all = found.len() < asked;
        let mut neighbours = ranked(query, &found);
        if !is_all && neighbours.len() < query.top_k {
            return self.scan(query).await;
        }
        neighbours.truncate(query.top_k);
        Ok(neighbours)
    }
}

fn key(business: &BusinessId, id: &str) -> Key {
    Key::new(COLLECTION, format!("{business}:{id}"))
}
