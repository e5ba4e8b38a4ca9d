//! `vector-search`: finds a business's texts and embeddings by nearness and metadata.

mod embed;
mod filter;
mod search;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use ledger::Ledger;
use ports::{Clock, Documents, Gateway, VectorIndex};
use utoipa_axum::{router::OpenApiRouter, routes};

/// All routes about vectors take the same bodies.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// What the handler works with.
#[derive(Clone)]
pub struct AppState {
    /// Subscriptions and kill switches.
    pub ledger: Ledger,
    /// Texts and metadata.
    pub documents: Arc<dyn Documents>,
    /// Vectors.
    pub vectors: Arc<dyn VectorIndex>,
    /// Paid embeddings.
    pub gateway: Arc<dyn Gateway>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The route.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(search::search))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(state)
}
