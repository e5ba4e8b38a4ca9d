//! The trace that a request belongs to: it arrives in a header or in a pushed message, and is sent
//! with every message and every call to another function.

use std::cell::RefCell;

use async_trait::async_trait;
use axum::http::HeaderMap;
use client::{Transport, WireAnswer, WireRequest};
use ports::{BusError, EventBus, GatewayError, Message};
use tokio::task::JoinHandle;
use tracing::{Instrument as _, Span};

const TRACEPARENT: &str = "traceparent";

tokio::task_local! {
    static TRACE_ID: RefCell<String>;
}

/// The trace id of the current request; empty outside one.
pub fn trace_id() -> String {
    TRACE_ID.try_with(|id| id.borrow().clone()).unwrap_or_default()
}

/// Spawns a task that keeps the request's trace id and span, for work that must outlive a client's
/// connection.
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    // Boxed at once: otherwise each wrapper and the task itself would move the whole future again.
    tokio::spawn(in_trace(Box::pin(future)))
}

/// Keeps the request's trace id and span for a future that is polled after its handler returned,
/// such as a streamed answer.
pub fn in_trace<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    in_trace_of(trace_id(), future.in_current_span())
}

/// Runs a future under the given trace id.
pub(crate) fn in_trace_of<T>(
    id: String,
    future: impl Future<Output = T>,
) -> impl Future<Output = T> {
    TRACE_ID.scope(RefCell::new(id), future)
}

/// The trace id of a request's `traceparent`, or a new one.
pub(crate) fn incoming(headers: &HeaderMap) -> String {
    let header = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    header.and_then(id_of).map_or_else(|| uuid::Uuid::new_v4().simple().to_string(), Into::into)
}

/// Continues the trace that a message was published in: the push request has a trace of its own,
/// which nothing else refers to.
pub(crate) fn adopt(traceparent: Option<&str>) {
    if let Some(id) = traceparent.and_then(id_of) {
        let _ = TRACE_ID.try_with(|current| *current.borrow_mut() = id.into());
        Span::current().record("trace_id", id);
    }
}

/// The trace id of a W3C `traceparent` (<https://www.w3.org/TR/trace-context/>).
fn id_of(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (id.len() == 32 && id.bytes().all(hex) && id.bytes().any(|b| b != b'0')).then_some(id)
}

/// The `traceparent` to send: the current trace with a new span id; `None` outside a trace.
fn outgoing() -> Option<String> {
    let id = trace_id();
    let span = &uuid::Uuid::new_v4().simple().to_string()[16..];
    (!id.is_empty()).then(|| format!("00-{id}-{span}-01"))
}

/// Wraps a bus or a transport so that it passes the trace on.
#[derive(Clone)]
pub struct Traced<T>(pub T);

#[async_trait]
impl<T: EventBus> EventBus for Traced<T> {
    async fn publish(&self, mut message: Message) -> Result<(), BusError> {
        message
            .attributes
            .extend(outgoing().map(|traceparent| (TRACEPARENT.to_owned(), traceparent)));
        self.0.publish(message).await
    }
}

#[async_trait]
impl<T: Transport> Transport for Traced<T> {
    async fn post(&self, mut request: WireRequest) -> Result<WireAnswer, GatewayError> {
        request.headers.extend(outgoing().map(|traceparent| (TRACEPARENT, traceparent)));
        self.0.post(request).await
    }
}

#[cfg(test)]
mod tests;
