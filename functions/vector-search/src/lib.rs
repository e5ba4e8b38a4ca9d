//! `vector-search`: finds a business's texts and embeddings by nearness and metadata.

mod filter;
mod search;
#[cfg(test)]
mod tests;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::{router::OpenApiRouter, routes};
use vectors::Vectors;

/// All routes about vectors take the same bodies.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// What the handler works with.
#[derive(Clone)]
pub struct AppState {
    /// What is searched.
    pub vectors: Vectors,
}

/// The route.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(search::search))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(state)
}
