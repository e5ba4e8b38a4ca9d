//! `vector-upsert`: keeps texts, embeddings and whole documents of a business where searches find
//! them.
//!
//! Every route is idempotent by content: what is already kept is neither written nor embedded
//! again, so a repeat costs nothing and an `Idempotency-Key` would add nothing.

mod documents;
mod embed;
mod items;
mod keep;
mod model;
mod reembed;
mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use ledger::Ledger;
use ports::{Clock, Documents, Gateway, VectorIndex};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use extract::Extractor;

/// An embedding of 1536 decimal numbers takes some 20 KiB.
const VECTORS_BODY_BYTES: usize = 16 * 1024 * 1024;
const DOCUMENT_BODY_BYTES: usize = 20 * 1024 * 1024;

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Subscriptions, kill switches, and the catalogue of models.
    pub ledger: Ledger,
    /// Texts and metadata.
    pub documents: Arc<dyn Documents>,
    /// Vectors.
    pub vectors: Arc<dyn VectorIndex>,
    /// Paid embeddings.
    pub gateway: Arc<dyn Gateway>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Reads uploaded files.
    pub extractor: Extractor,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    let vectors = OpenApiRouter::new()
        .routes(routes!(items::upsert))
        .layer(DefaultBodyLimit::max(VECTORS_BODY_BYTES));
    let documents = OpenApiRouter::new()
        .routes(routes!(documents::store, documents::list))
        .layer(DefaultBodyLimit::max(DOCUMENT_BODY_BYTES));
    OpenApiRouter::new()
        .merge(vectors)
        .merge(documents)
        .routes(routes!(items::delete))
        .routes(routes!(reembed::reembed))
        .routes(routes!(reembed::estimate))
        .routes(routes!(documents::document, documents::delete))
        .with_state(state)
}
