//! Vectors in Vertex AI Vector Search: an index on machines that always run, for more vectors than
//! Firestore can compare.
//!
//! The index only finds candidates. Each candidate is returned with its vector and its restricts,
//! and is scored and filtered by the same code as elsewhere. Results do not depend on the sign of a
//! distance, nor on the service matching a restrict more loosely.

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
    nearness::{self, MOST, StoredVector, ranked},
};
use client::Client;
use restricts::Restricts;

/// The most data points or ids in one call.
const MOST_POINTS: usize = 1000;
/// The most bytes in one call: about two hundred vectors. Google does not document its own limit.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Seconds until every search sees a change; Google only says "seconds".
const LAG_SECONDS: i64 = 30;

/// An index and the endpoint that serves it.
#[derive(Clone, Debug)]
pub struct VertexTarget {
    /// The index's resource name: `projects/…/locations/…/indexes/…`.
    pub index: String,
    /// The endpoint's resource name: `projects/…/locations/…/indexEndpoints/…`.
    pub endpoint: String,
    /// The id under which the endpoint serves the index.
    pub deployed_index_id: String,
    /// The base URL of the index, for changes: the region's host.
    pub base_url: String,
    /// The base URL of the endpoint, for searches: it has its own host.
    pub query_base_url: String,
}

/// One Vertex AI index with streaming updates.
pub struct VertexVectors {
    client: Client,
    target: VertexTarget,
}

impl VertexVectors {
    /// An index that connects at first use.
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
    ) -> Result<Vec<StoredVector>, VectorError> {
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
        // For a repeated id the last item is kept, because it is not documented which of two in one
        // call wins.
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
        // More than requested: which of equally near vectors are returned must not depend on the
        // index.
        let mut asked = (query.top_k * 2 + 16).min(MOST);
        loop {
            let found = self.nearest(query, &restricts, asked).await?;
            let mut neighbours = ranked(query, &found);
            let is_all = found.len() < asked;
            if is_all || asked == MOST || is_settled(&neighbours, query.top_k) {
                // The index returned vectors that the filter refuses, and further matches may lie
                // behind them.
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

/// Whether no vector that the index did not return can be among the first `top_k`, because it is
/// farther away than the last of them.
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

/// The id of a data point. A business's id has no colon, so two businesses never have the same data
/// point.
fn point_id(business: &BusinessId, id: &str) -> String {
    format!("{business}:{id}")
}
