//! `route-execute`: the only way to a paid model. Routes a call to the cheapest model good enough, holds its bound in
//! the ledger, makes the attempts, settles what they cost, and answers.

mod attempts;
mod call;
mod chat;
mod embeddings;
mod execute;
mod models;
mod structured;

use std::{collections::BTreeMap, sync::Arc};

use ports::{Clock, Embedder, Ids, ModelProvider};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::Ledger;

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Budgets and calls.
    pub ledger: Ledger,
    /// Configured providers, by their names in the catalogue.
    pub providers: Arc<BTreeMap<String, Arc<dyn ModelProvider>>>,
    /// Embeddings.
    pub embedder: Arc<dyn Embedder>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of calls without a key.
    pub ids: Arc<dyn Ids>,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(execute::execute))
        .routes(routes!(execute::cancel))
        .routes(routes!(chat::completions))
        .routes(routes!(embeddings::embeddings))
        .routes(routes!(models::models))
        .with_state(state)
}
