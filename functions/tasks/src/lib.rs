//! `tasks`: accepts briefs, shows how analyses go, hands out results, cancels, redrives, derives.

mod actions;
mod create;
mod results;
mod status;

use std::sync::Arc;

use domain::TaskId;
use service::{Auth, Caller, Problem};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::{Engine, documents::TaskDoc};

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Tasks.
    pub engine: Engine,
    /// Signs tickets for the socket.
    pub auth: Arc<Auth>,
    /// Where the relay is reached, such as `ws://127.0.0.1:8080`.
    pub relay_url: String,
    /// Time.
    pub clock: Arc<dyn ports::Clock>,
}

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create::create, status::list))
        .routes(routes!(status::task, actions::cancel))
        .routes(routes!(results::artifact))
        .routes(routes!(results::report))
        .routes(routes!(actions::position))
        .routes(routes!(actions::regenerate))
        .routes(routes!(actions::retry))
        .routes(routes!(actions::ticket))
        .routes(routes!(status::trace))
        .with_state(state)
}

/// A task the caller may see; any other does not exist for it.
async fn visible(
    state: &AppState,
    caller: &Caller,
    id: &str,
) -> Result<(TaskId, TaskDoc), Problem> {
    let task = TaskId::new(id).map_err(|_| Problem::not_found("the task"))?;
    let doc = state.engine.task(caller.scope(), &task).await?;
    Ok((task, doc))
}
