//! Vectors in Vertex AI Vector Search: an index on machines that never sleep, for more vectors than
//! Firestore compares.
//!
//! The index finds candidates; what is answered is decided here. Every candidate comes back with
//! its vector and its restricts, so that the score is computed and the filter applied by the same
//! code as everywhere, and nothing depends on the sign of a distance or on a restrict that the
//! service reads more generously than we do.

mod answer;
mod client;
mod restricts;
mod wire;

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::BusinessId;
use ports::{Neighbour, VectorError, VectorIndex, VectorItem, VectorQuery};

use crate::{
    Credentials,
    nearness::{self, Found, MOST, ranked},
};
use client::Client;
use restricts::Restricts;

/// Data points or ids that one call may carry.
const MOST_POINTS: usize = 1000;
/// Bytes that one call carries: about two hundred vectors. Google does not say where its own limit
/// is.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// When a change is seen by every search; Google says "seconds".
const LAG_SECONDS: i64 = 30;

/// An index and the endpoint that serves it.
#[derive(Clone, Debug)]
pub struct VertexTarget {
    /// The index's resource name: `projects/…/locations/…/indexes/…`.
    pub index: String,
    /// The endpoint's resource name: `projects/…/locations/…/indexEndpoints/…`.
    pub endpoint: String,
    /// Under which id the endpoint serves the index.
    pub deployed_index_id: String,
    /// Where the index takes changes: the region's host.
    pub base_url: String,
    /// Where the endpoint answers searches: it has a host of its own.
    pub query_base_url: String,
}

/// One Vertex AI index, which takes changes as a stream.
pub struct VertexVectors {
    client: Client,
    target: VertexTarget,
}

impl VertexVectors {
    /// An index that connects at its first use.
    pub fn new(target: VertexTarget, credentials: Credentials) -> Self {
        Self { client: Client::new(credentials), target }
    }

    async fn change(&self, call: &str, body: String) -> Result<(), VectorError> {
        let VertexTarget { base_url, index, .. } = &self.target;
        let url = format!("{}/v1/{index}:{call}", base_url.trim_end_matches('/'));
        self.client.post(&url, body).await.map(|_| ())
    }

    async fn nearest(
        &self,
        query: &VectorQuery,
        restricts: &Restricts,
        count: usize,
    ) -> Result<Vec<Found>, VectorError> {
        let VertexTarget { query_base_url, endpoint, deployed_index_id, .. } = &self.target;
        let url = format!("{}/v1/{endpoint}:findNeighbors", query_base_url.trim_end_matches('/'));
        let body = wire::find_neighbors(deployed_index_id, &query.embedding, restricts, count)?;
        let answer = self.client.post(&url, body).await?;
        answer::found(&query.business, &answer)
    }
}

#[async_trait]
impl VectorIndex for VertexVectors {
    async fn upsert(
        &self,
        business: &BusinessId,
        items: Vec<VectorItem>,
    ) -> Result<(), VectorError> {
        nearness::check_items(&items)?;
        // The last of an id is the one that stays: which of two in one call wins is nowhere
        // written.
        let latest: BTreeMap<&str, &VectorItem> =
            items.iter().map(|item| (item.id.as_str(), item)).collect();
        let points = latest.into_values().map(|item| wire::Datapoint {
            id: point_id(business, &item.id),
            feature_vector: &item.embedding,
            restricts: restricts::of_item(business, item),
        });
        for body in wire::upserts(points, MOST_POINTS, MOST_BYTES)? {
            self.change("upsertDatapoints", body).await?;
        }
        Ok(())
    }

    async fn delete(&self, business: &BusinessId, ids: &[String]) -> Result<(), VectorError> {
        let ids: Vec<String> = ids.iter().map(|id| point_id(business, id)).collect();
        for batch in ids.chunks(MOST_POINTS) {
            self.change("removeDatapoints", wire::removal(batch)?).await?;
        }
        Ok(())
    }

    fn lag_seconds(&self) -> i64 {
        LAG_SECONDS
    }

    async fn search(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        nearness::check_query(query)?;
        let Some(restricts) = restricts::of_query(&query.business, &query.filter)? else {
            return Ok(Vec::new());
        };
        // More than asked for: which of equally near ones come is not for the index to decide.
        let mut asked = (query.top_k * 2 + 16).min(MOST);
        loop {
            let found = self.nearest(query, &restricts, asked).await?;
            let mut neighbours = ranked(query, &found);
            let is_all = found.len() < asked;
            if is_all || asked == MOST || is_settled(&neighbours, query.top_k) {
                // The index let through what the filter refuses, and matches may hide behind it.
                if !is_all && neighbours.len() < query.top_k {
                    return Err(too_loose(query, neighbours.len()));
                }
                neighbours.truncate(query.top_k);
                return Ok(neighbours);
            }
            asked = MOST;
        }
    }
}

/// Whether what the index kept back cannot belong among the first `top_k`: it is farther away than
/// the last of them.
fn is_settled(neighbours: &[Neighbour], top_k: usize) -> bool {
    match (neighbours.get(top_k - 1), neighbours.last()) {
        (Some(last_shown), Some(farthest)) => last_shown.score > farthest.score,
        _ => false,
    }
}

fn too_loose(query: &VectorQuery, matching: usize) -> VectorError {
    let fields: Vec<String> =
        query.filter.0.keys().map(|field| format!("filter.{field}")).collect();
    VectorError::InvalidFilter(format!(
        "{}: only {matching} of the {MOST} vectors that the index offers match, and more may lie behind them; add an \
         equality to the filter",
        fields.join(", ")
    ))
}

/// A business's id holds no colon, so that no other business arrives at the same one.
fn point_id(business: &BusinessId, id: &str) -> String {
    format!("{business}:{id}")
}
