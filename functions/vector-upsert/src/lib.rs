//! `vector-upsert`: keeps texts, embeddings and whole documents of a business where searches find
//! them.
//!
//! Every route is idempotent by content: what is already kept is neither written nor embedded
//! again, so a repeat costs nothing and an `Idempotency-Key` would add nothing.

mod documents;
mod items;
mod reembed;
mod stored;
#[cfg(test)]
mod tests;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::{router::OpenApiRouter, routes};
use vectors::Vectors;

pub use extract::Extractor;

/// An embedding of 1536 decimal numbers takes some 20 KiB.
const VECTORS_BODY_BYTES: usize = 16 * 1024 * 1024;
const DOCUMENT_BODY_BYTES: usize = 20 * 1024 * 1024;

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Texts, embeddings, and what is stored of them.
    pub vectors: Vectors,
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
