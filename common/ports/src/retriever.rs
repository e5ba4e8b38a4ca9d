//! Searching the texts that a business keeps: what `vector-search` offers, as research calls it.

use async_trait::async_trait;
use domain::{BusinessId, vector::Passage};

use crate::GatewayError;

/// Finds what a business keeps about a question.
#[async_trait]
pub trait Retriever: Send + Sync {
    /// The nearest passages, at most `most`, nearest first; none when the business keeps no texts.
    /// Asking the same again costs nothing.
    async fn nearest(
        &self,
        business: &BusinessId,
        question: &str,
        most: usize,
    ) -> Result<Vec<Passage>, GatewayError>;
}
