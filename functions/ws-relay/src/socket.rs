//! `GET /ws/task/{id}`: the socket.

use std::time::Duration;

use axum::{
    extract::{
        Path, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::Response,
};
use domain::event::Event;
use futures::{SinkExt as _, StreamExt as _, stream::SplitSink};
use rand::RngExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use service::Query;
use tokio::time::{Instant, interval, sleep_until};

use crate::{
    AppState,
    admission::{Admitted, Close, WatchQuery, admit},
    outbox::Outbox,
    tail::tail,
};

/// Interval of heartbeats on a quiet connection.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// A client that was silent for this long is treated as gone.
const IDLE: Duration = Duration::from_secs(80);
/// Timeout for sending one frame; meanwhile others are queued.
const SEND: Duration = Duration::from_secs(10);
/// Lifetime in seconds, random, so that connections do not all end at once. Cloud Run ends a socket
/// after an hour.
const LIFETIME_S: std::ops::RangeInclusive<u64> = 52 * 60..=58 * 60;
/// The largest message from a client, in bytes.
const MESSAGE_BYTES: usize = 4096;

/// Messages that a client may send.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    // Written with braces, because serde does not refuse unknown fields on a unit variant.
    Ping {},
    Cancel {},
    Resume { after: u64 },
}

/// Live progress of a task as a WebSocket; the protocol is in docs/clients.md.
#[utoipa::path(get, path = "/ws/task/{id}", tag = "ws-relay",
    params(("id" = String, Path), ("after" = Option<u64>, Query), ("ticket" = Option<String>, Query)),
    responses((status = 101, description = "frames {seq, task_id, event, data, timestamp}")))]
pub(crate) async fn socket(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<WatchQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Browsers see close codes only after the handshake, so refusals are sent as close frames.
    let admitted = admit(&state, &id, &headers, &query).await;
    upgrade.protocols(["raptorflow"]).max_message_size(MESSAGE_BYTES).on_upgrade(
        async move |socket| {
            let (mut sink, stream) = socket.split();
            let close = match admitted {
                Ok(admitted) => {
                    Viewer { state, admitted }.serve(&mut sink, stream, query.after).await
                }
                Err(close) => Some(close),
            };
            if let Some(close) = close {
                let (code, reason) = close.frame();
                let frame = CloseFrame { code, reason: reason.into() };
                // The client may be gone already.
                let _ = tokio::time::timeout(SEND, sink.send(Message::Close(Some(frame)))).await;
            }
        },
    )
}

struct Viewer {
    state: AppState,
    admitted: Admitted,
}

type Sink = SplitSink<WebSocket, Message>;

impl Viewer {
    fn frame(&self, event: &str, data: &Value) -> Message {
        let body = json!({ "task_id": self.admitted.task, "event": event, "data": data,
            "timestamp": self.state.clock.now() });
        Message::Text(body.to_string().into())
    }

    /// Serves until something ends the connection; `None` if the client disconnected.
    async fn serve(
        &self,
        sink: &mut Sink,
        mut commands: futures::stream::SplitStream<WebSocket>,
        after: u64,
    ) -> Option<Close> {
        let Admitted { task, last_seq, status, percent, .. } = &self.admitted;
        let hello = json!({ "seq": last_seq, "recovered": after > 0, "status": status, "percent_complete": percent });
        let mut waiting = Some(self.frame("hello", &hello));
        if status.is_final() && after >= *last_seq {
            sink.send(waiting.take()?).await.ok()?;
            return Some(Close::Finished);
        }
        let mut events = Box::pin(self.tail(after));
        let mut outbox = Outbox::default();
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.tick().await;
        let mut heard = Instant::now();
        let ends = Instant::now() + Duration::from_secs(rand::rng().random_range(LIFETIME_S));
        let mut last = false;
        loop {
            if let Some(frame) = waiting.take() {
                let mut sending = std::pin::pin!(tokio::time::timeout(SEND, sink.send(frame)));
                // Events that arrive while a slow client takes this frame are queued in the outbox.
                let sent = loop {
                    tokio::select! {
                        biased;
                        sent = &mut sending => break sent,
                        Some(Ok(event)) = events.next() => {
                            if outbox.push(event).is_err() {
                                return Some(Close::TooSlow);
                            }
                        }
                    }
                };
                match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    Err(_) => return Some(Close::TooSlow),
                }
            }
            if let Some(event) = outbox.pop() {
                last |= event.event.is_final();
                waiting = Some(text(&event));
                continue;
            }
            if last {
                return Some(Close::Finished);
            }
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        if outbox.push(event).is_err() {
                            return Some(Close::TooSlow);
                        }
                    }
                    Some(Err(error)) => {
                        tracing::warn!(task.id = %task, %error, "the log of task {task} cannot be followed");
                        return Some(Close::Unavailable);
                    }
                    None => return Some(Close::Unavailable),
                },
                message = commands.next() => {
                    heard = Instant::now();
                    match self.command(message?.ok()?).await {
                        Ok(Reply::None) => {}
                        Ok(Reply::Frame(frame)) => waiting = Some(frame),
                        Ok(Reply::Resume(after)) => {
                            outbox.clear();
                            events = Box::pin(self.tail(after));
                        }
                        Ok(Reply::Gone) => return None,
                        Err(close) => return Some(close),
                    }
                }
                _ = heartbeat.tick() => {
                    if heard.elapsed() > IDLE {
                        return Some(Close::Idle);
                    }
                    sink.send(Message::Ping(Vec::new().into())).await.ok()?;
                    waiting = Some(self.frame("heartbeat", &json!({})));
                }
                () = self.state.shutdown.cancelled() => {
                    // A delay, so that the viewers of an instance do not all reconnect at once.
                    let jitter_ms = rand::rng().random_range(0..1_500);
                    tokio::time::sleep(Duration::from_millis(jitter_ms)).await;
                    return Some(Close::Restarting);
                }
                () = sleep_until(ends) => return Some(Close::GoingAway),
            }
        }
    }

    /// The task's log after `after`.
    fn tail(
        &self,
        after: u64,
    ) -> impl futures::Stream<Item = Result<Event, ports::StoreError>> + Send + use<> {
        let Admitted { task, last_seq, .. } = &self.admitted;
        tail(&self.state.documents, &self.state.feeds, task, *last_seq, after)
    }

    async fn command(&self, message: Message) -> Result<Reply, Close> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::BadMessage),
            Message::Ping(_) | Message::Pong(_) => return Ok(Reply::None),
            Message::Close(_) => return Ok(Reply::Gone),
        };
        match serde_json::from_str(&text).map_err(|_| Close::BadMessage)? {
            Command::Ping {} => Ok(Reply::Frame(self.frame("pong", &json!({})))),
            Command::Resume { after } => Ok(Reply::Resume(after)),
            Command::Cancel {} => {
                let cancelled =
                    self.state.engine.cancel(&self.admitted.task, "cancelled by a client").await;
                cancelled.map(|_| Reply::None).map_err(|_| Close::Unavailable)
            }
        }
    }
}

enum Reply {
    None,
    Frame(Message),
    Resume(u64),
    Gone,
}

fn text(event: &Event) -> Message {
    Message::Text(serde_json::to_string(event).unwrap_or_default().into())
}
