//! `tasks`: accepts briefs, shows the state and results of analyses, cancels and redrives them, and
//! derives new ones.

mod actions;
mod create;
mod results;
mod status;

use std::sync::Arc;

use domain::TaskId;
use service::{Auth, Caller, Problem};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::{Engine, documents::TaskDoc};

/// State of the handlers.
#[derive(Clone)]
pub struct AppState {
    /// The engine, which owns the tasks.
    pub engine: Engine,
    /// Signs tickets for the socket.
    pub auth: Arc<Auth>,
    /// The base URL of the relay, such as `ws://127.0.0.1:8080`.
    pub relay_url: String,
    /// Clock that tells the current time.
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

/// Loads a task that the caller may see; any other is reported as not found.
async fn visible(
    state: &AppState,
    caller: &Caller,
    id: &str,
) -> Result<(TaskId, TaskDoc), Problem> {
    let task = TaskId::new(id).map_err(|_| Problem::not_found("the task"))?;
    let doc = state.engine.task(caller.scope(), &task).await?;
    Ok((task, doc))
}
