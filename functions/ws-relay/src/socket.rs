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

/// How often a quiet connection shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// A viewer from which nothing was heard for this long is gone.
const IDLE: Duration = Duration::from_secs(80);
/// One frame must be taken within this time; meanwhile others queue.
const SEND: Duration = Duration::from_secs(10);
/// Cloud Run ends a socket after an hour; it is left before, not all at once.
const LIFETIME_S: std::ops::RangeInclusive<u64> = 52 * 60..=58 * 60;
/// Clients have little to say.
const MESSAGE_BYTES: usize = 4096;

/// What a viewer may send.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    // Braces, for serde lets unknown fields pass beside a variant without any.
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
    // Browsers see close codes only after the handshake, so refusals are told there.
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
                // The viewer may be gone already; then there is nobody to tell.
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

    /// Serves until something ends it; `None` when the viewer hung up.
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
                // What happens while a slow viewer takes this frame queues in the outbox.
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
                    // Not all viewers of an instance at once.
                    let jitter_ms = rand::rng().random_range(0..1_500);
                    tokio::time::sleep(Duration::from_millis(jitter_ms)).await;
                    return Some(Close::Restarting);
                }
                () = sleep_until(ends) => return Some(Close::GoingAway),
            }
        }
    }

    /// The task's log from behind `after`.
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
