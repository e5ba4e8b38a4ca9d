//! Nearest-neighbour search over embeddings, always within one business.

use async_trait::async_trait;
use domain::{BusinessId, vector::Filter};
use serde_json::{Map, Value};

/// One vector to store. Text and metadata live in documents; the index keeps what it needs to
/// filter.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorItem {
    /// Id within the business.
    pub id: String,
    /// The embedding, 1536 dimensions.
    pub embedding: Vec<f32>,
    /// Fields that filters refer to.
    pub metadata: Map<String, Value>,
}

/// A search within one business; there is no search without one.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorQuery {
    /// The business whose vectors are searched.
    pub business: BusinessId,
    /// What to be near to.
    pub embedding: Vec<f32>,
    /// How many neighbours, 1 to 1000.
    pub top_k: usize,
    /// Which vectors count.
    pub filter: Filter,
}

/// A found vector.
#[derive(Clone, PartialEq, Debug)]
pub struct Neighbour {
    /// Id within the business.
    pub id: String,
    /// Cosine similarity, −1 to 1; larger is closer.
    pub score: f32,
}

/// Why the index did not answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum VectorError {
    /// The request can never succeed as it is.
    #[error("{0}")]
    Invalid(String),
    /// No query can succeed with this filter: the text begins with the fields in question.
    #[error("{0}")]
    InvalidFilter(String),
    /// The index cannot be reached.
    #[error("the vector index is unavailable: {0}")]
    Unavailable(String),
}

/// A vector index with cosine distance.
#[async_trait]
pub trait VectorIndex: Send + Sync {
    /// Stores or replaces vectors of a business.
    async fn upsert(
        &self,
        business: &BusinessId,
        items: Vec<VectorItem>,
    ) -> Result<(), VectorError>;

    /// Removes vectors of a business; unknown ids are ignored.
    async fn delete(&self, business: &BusinessId, ids: &[String]) -> Result<(), VectorError>;

    /// The nearest vectors of the query's business, closest first, ties by id.
    async fn search(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError>;

    /// After how many seconds every search sees a change that was answered.
    fn lag_seconds(&self) -> i64 {
        0
    }
}
