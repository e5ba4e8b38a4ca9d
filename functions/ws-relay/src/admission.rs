//! Admission of viewers: a bearer token where the client can send one, a ticket from a browser.

use std::sync::PoisonError;

use axum::http::HeaderMap;
use domain::{BusinessId, TaskId, task::Status};
use serde::Deserialize;
use workflow::documents::TaskDoc;

use crate::{AppState, Viewers};

/// Reasons to close a connection; the codes are part of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Close {
    /// The task is over and all its events were sent.
    Finished,
    /// The connection reached its maximum lifetime: reconnect with `after`.
    GoingAway,
    /// The instance is stopping: reconnect with `after`.
    Restarting,
    /// The client sent an unknown message.
    BadMessage,
    /// The token or ticket is missing or invalid.
    Unauthenticated,
    /// The page's origin may not connect.
    Origin,
    /// The task does not exist, or belongs to another business.
    Unknown,
    /// The client has been silent for too long.
    Idle,
    /// The client reads too slowly: resume.
    TooSlow,
    /// The business has too many connections.
    TooMany,
    /// The store is unavailable.
    Unavailable,
}

impl Close {
    /// Code and reason of the close frame.
    pub(crate) fn frame(self) -> (u16, &'static str) {
        match self {
            Self::Finished => (1000, "finished"),
            Self::GoingAway => (1001, "reconnect with after"),
            Self::Unavailable => (1011, "try again"),
            Self::Restarting => (1012, "reconnect with after"),
            Self::BadMessage => {
                (4400, "send {\"type\":\"ping\"|\"cancel\"|\"resume\",\"after\":n}")
            }
            Self::Unauthenticated => (4401, "send a bearer token or a fresh ticket"),
            Self::Origin => (4403, "this origin is not allowed: name it in CORS_ORIGINS"),
            Self::Unknown => (4404, "no such task"),
            Self::Idle => (4408, "idle"),
            Self::TooSlow => (4413, "too slow: resume"),
            Self::TooMany => (4429, "too many connections"),
        }
    }
}

/// Query parameters of a viewer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WatchQuery {
    /// The number of the last frame it has received.
    #[serde(default)]
    pub(crate) after: u64,
    /// The ticket of a client that cannot send headers.
    pub(crate) ticket: Option<String>,
}

/// An admitted viewer of one task.
pub(crate) struct Admitted {
    pub(crate) task: TaskId,
    pub(crate) last_seq: u64,
    pub(crate) status: Status,
    pub(crate) percent: u32,
    _connection: CountedConnection,
}

/// The most connections of one business per instance.
const MOST_VIEWERS: usize = 100;

/// A counted connection; dropping it ends the count.
struct CountedConnection {
    viewers: Viewers,
    business: String,
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut open = self.viewers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.business) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.business);
            }
        }
    }
}

/// The ticket in the list of WebSocket protocols: `raptorflow, ticket.<jwt>`.
fn ticket_of(headers: &HeaderMap) -> Option<&str> {
    let protocols = headers.get("sec-websocket-protocol")?.to_str().ok()?;
    protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix("ticket."))
}

/// Admits a viewer, or returns the reason to close the connection.
pub(crate) async fn admit(
    state: &AppState,
    id: &str,
    headers: &HeaderMap,
    query: &WatchQuery,
) -> Result<Admitted, Close> {
    let origin = headers.get("origin").and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| !state.origins.iter().any(|allowed| allowed == origin)) {
        return Err(Close::Origin);
    }
    let task = TaskId::new(id).map_err(|_| Close::Unknown)?;
    let scope = scope(state, &task, headers, query).await?;
    let doc = state.engine.task(scope.as_ref(), &task).await.map_err(|error| {
        if matches!(error, ledger::Error::NotFound(_)) {
            Close::Unknown
        } else {
            Close::Unavailable
        }
    })?;
    let seat = take_seat(&state.viewers, &doc)?;
    Ok(Admitted {
        task,
        last_seq: doc.last_seq,
        status: doc.state.status(),
        percent: doc.percent,
        _connection: seat,
    })
}

/// The only business whose tasks the viewer may see; `None` means all.
async fn scope(
    state: &AppState,
    task: &TaskId,
    headers: &HeaderMap,
    query: &WatchQuery,
) -> Result<Option<BusinessId>, Close> {
    if let Some(ticket) = ticket_of(headers).or(query.ticket.as_deref()) {
        return state
            .auth
            .verify_ticket(ticket, task)
            .await
            .map(Some)
            .map_err(|_| Close::Unauthenticated);
    }
    let bearer =
        headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let caller = state.auth.verify(bearer.ok_or(Close::Unauthenticated)?).await;
    Ok(caller.map_err(|_| Close::Unauthenticated)?.scope().cloned())
}

fn take_seat(viewers: &Viewers, doc: &TaskDoc) -> Result<CountedConnection, Close> {
    let business = doc.business.to_string();
    let mut open = viewers.0.lock().unwrap_or_else(PoisonError::into_inner);
    let count = open.entry(business.clone()).or_default();
    if *count >= MOST_VIEWERS {
        return Err(Close::TooMany);
    }
    *count += 1;
    Ok(CountedConnection { viewers: viewers.clone(), business })
}
