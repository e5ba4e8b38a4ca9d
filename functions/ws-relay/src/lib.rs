//! `ws-relay`: live progress of a task over a WebSocket or server-sent events.
//!
//! The task's stored log is the truth, a connection only a tail of it: replay what comes after the
//! viewer's last frame, then live, without gap or repeat, in order, across reconnects and
//! instances.

mod admission;
mod feed;
mod outbox;
mod socket;
mod sse;
mod tail;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ports::{Clock, Documents};
use service::Auth;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};
use workflow::Engine;

pub use feed::Feeds;

/// What the handlers work with.
#[derive(Clone)]
pub struct AppState {
    /// Tasks.
    pub engine: Engine,
    /// Their event logs.
    pub documents: Arc<dyn Documents>,
    /// Verifies tokens and tickets.
    pub auth: Arc<Auth>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Browsers' origins that may connect.
    pub origins: Vec<String>,
    /// Cancelled when the process is asked to end.
    pub shutdown: CancellationToken,
    /// Open connections of each business.
    pub viewers: Viewers,
    /// The watches that viewers share.
    pub feeds: Feeds,
}

/// Open connections of each business, by its id.
#[derive(Clone, Default)]
pub struct Viewers(Arc<Mutex<HashMap<String, usize>>>);

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(socket::socket))
        .routes(routes!(sse::events))
        .with_state(state)
}
