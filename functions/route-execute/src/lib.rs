//! `route-execute`: the only way to a paid model. Routes a call to the cheapest model good enough,
//! holds its bound in the ledger, makes the attempts, settles what they cost, and answers.

mod attempts;
mod call;
mod call_request;
mod context;
mod execute;
mod live;
mod memory;
mod model_check;
mod openai;
mod owner;
mod payer;
mod plan;
mod structured;
mod watch;

use std::{collections::BTreeMap, sync::Arc};

use ledger::Ledger;
use ports::{Clock, Documents, Embedder, Ids, ModelProvider, TokenCounter};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use memory::Memory;

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Budgets and calls.
    pub ledger: Ledger,
    /// Whose vectors which model made: the daily look at the models tells who must move.
    pub documents: Arc<dyn Documents>,
    /// Configured providers, by their names in the catalogue.
    pub providers: Arc<BTreeMap<String, Arc<dyn ModelProvider>>>,
    /// The provider of embeddings.
    pub embedder: Arc<dyn Embedder>,
    /// Exact counts, for calls whose bound by bytes is too much for the budget or the model.
    pub token_counter: Arc<dyn TokenCounter>,
    /// What this instance remembers between calls.
    pub memory: Arc<Memory>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids of calls without a key.
    pub ids: Arc<dyn Ids>,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(execute::execute))
        .routes(routes!(execute::cancel))
        .routes(routes!(openai::chat::completions))
        .routes(routes!(openai::embeddings::embeddings))
        .routes(routes!(openai::models::models))
        .routes(routes!(openai::models::model))
        .routes(routes!(model_check::check))
        .with_state(Arc::new(state))
}
