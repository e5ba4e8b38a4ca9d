//! `ws-relay`: live progress of a task over a WebSocket or server-sent events.
//!
//! The task's stored log is the source of truth, and a connection is only a tail of it: first a
//! replay of what follows the viewer's last frame, then live events, in order and without gap or
//! repeat, across reconnects and instances.

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

/// State of the handlers.
#[derive(Clone)]
pub struct AppState {
    /// The engine, which owns the tasks.
    pub engine: Engine,
    /// The store with the event logs.
    pub documents: Arc<dyn Documents>,
    /// Verifies tokens and tickets.
    pub auth: Arc<Auth>,
    /// Clock that tells the current time.
    pub clock: Arc<dyn Clock>,
    /// Origins that browsers may connect from.
    pub origins: Vec<String>,
    /// Cancelled when the process is asked to stop.
    pub shutdown: CancellationToken,
    /// The number of open connections of each business.
    pub viewers: Viewers,
    /// The watches that viewers share.
    pub feeds: Feeds,
}

/// The number of open connections of each business.
#[derive(Clone, Default)]
pub struct Viewers(Arc<Mutex<HashMap<String, usize>>>);

/// The routes.
pub fn router(state: AppState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(socket::socket))
        .routes(routes!(sse::events))
        .with_state(state)
}
