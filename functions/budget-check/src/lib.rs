//! `budget-check`: whether work fits the budget, what was spent, subscriptions, and the kill
//! switch.

mod check;
mod controls;
mod outcomes;
mod report;
mod subscriptions;
mod usage;

use std::sync::Arc;

use ledger::Ledger;
use ports::{Clock, Ids};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::Engine;

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Budgets and calls.
    pub ledger: Ledger,
    /// Tasks, which the emergency stop cancels.
    pub engine: Engine,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids of usage reports without a key.
    pub ids: Arc<dyn Ids>,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(check::check))
        .routes(routes!(check::budget))
        .routes(routes!(usage::report_usage))
        .routes(routes!(report::usage))
        .routes(routes!(outcomes::outcomes))
        .routes(routes!(subscriptions::set_subscription, subscriptions::subscription))
        .routes(routes!(subscriptions::limits))
        .routes(routes!(controls::stop_all))
        .routes(routes!(controls::stop_business))
        .with_state(state)
}

/// A business id from a path.
fn business_of(path: String) -> Result<domain::BusinessId, service::Problem> {
    domain::BusinessId::new(path)
        .map_err(|error| service::Problem::invalid_field("business_id", error.to_string()))
}
