//! `GET /sse/task/{id}`: the same frames as server-sent events, for clients that can send a header.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use futures::{StreamExt as _, stream};
use serde_json::json;
use service::{Problem, Query};

use crate::{
    AppState,
    admission::{Close, WatchQuery, admit},
    tail::tail,
};

const HEARTBEAT: Duration = Duration::from_secs(25);

/// Live progress of a task as server-sent events; `Last-Event-ID` or `after` resumes.
#[utoipa::path(get, path = "/sse/task/{id}", tag = "ws-relay",
    params(("id" = String, Path), ("after" = Option<u64>, Query), ("ticket" = Option<String>, Query)),
    responses((status = 200, description = "text/event-stream of frames")))]
pub(crate) async fn events(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<WatchQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let admitted = admit(&state, &id, &headers, &query).await.map_err(problem)?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = resumed.unwrap_or(query.after);
    let hello = json!({ "task_id": admitted.task, "event": "hello", "timestamp": state.clock.now(), "data": {
        "seq": admitted.last_seq, "recovered": after > 0, "status": admitted.status,
        "percent_complete": admitted.percent } });
    let hello = Frame::default().event("hello").data(hello.to_string());
    let is_over = admitted.status.is_final() && after >= admitted.last_seq;
    let events = tail(&state.documents, &state.feeds, &admitted.task, admitted.last_seq, after);
    // The stream ends after the last event; the connection is counted until then.
    let frames = stream::unfold(Some((Box::pin(events), admitted)), |state| async {
        let (mut events, seat) = state?;
        let event = events.next().await?.ok()?;
        let rest = (!event.event.is_final()).then_some((events, seat));
        Some((event, rest))
    });
    let frames = frames.map(|event| {
        let name = serde_json::to_value(event.event).unwrap_or_default();
        let frame =
            Frame::default().id(event.seq.to_string()).event(name.as_str().unwrap_or_default());
        frame.data(serde_json::to_string(&event).unwrap_or_default())
    });
    let shutdown = state.shutdown.clone();
    let rest = if is_over { stream::empty().boxed() } else { frames.boxed() };
    let body = stream::iter([hello])
        .chain(rest)
        .take_until(async move { shutdown.cancelled().await })
        .map(Ok::<_, Infallible>);
    Ok(Sse::new(body)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"))
        .into_response())
}

fn problem(close: Close) -> Problem {
    let (_, reason) = close.frame();
    let (status, code) = match close {
        Close::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Close::Origin => (StatusCode::FORBIDDEN, "origin"),
        Close::Unknown => return Problem::not_found("the task"),
        Close::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many_connections"),
        Close::Finished
        | Close::GoingAway
        | Close::Restarting
        | Close::BadMessage
        | Close::Idle
        | Close::TooSlow
        | Close::Unavailable => return Problem::unavailable(reason),
    };
    Problem::new(status, code, reason)
}
