//! A trace arrives with a request or a message and is sent with every message and call.

use std::sync::{Arc, Mutex};

use axum::{
    Extension, Router,
    body::Body,
    http::{Request, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testkit::RecordingBus;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use super::*;
use crate::{Problem, Push, PushVerifier};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHER: &str = "11111111111111111111111111111111";

struct Anybody;

#[async_trait]
impl PushVerifier for Anybody {
    async fn verify(&self, _: &str) -> Result<(), Problem> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct RecordingTransport(Arc<Mutex<Vec<WireRequest>>>);

#[async_trait]
impl Transport for RecordingTransport {
    async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError> {
        self.0.lock().unwrap().push(request);
        Ok(WireAnswer { status: 200, cost: None, body: Vec::new() })
    }
}

fn message() -> Message {
    let attributes = [("task_id".to_owned(), "t1".to_owned())].into();
    Message { topic: "phase-strategy".into(), data: "{}".into(), attributes }
}

/// A function that publishes a message and makes a call, in a spawned task, for each request or
/// delivery.
fn function(bus: Arc<RecordingBus>, wire: RecordingTransport) -> Router {
    let work = async move || {
        let (bus, wire) = (bus.clone(), wire.clone());
        let outgoing = spawn(async move {
            Traced(bus).publish(message()).await.unwrap();
            let call = WireRequest {
                path: "/v1/execute",
                headers: Vec::new(),
                body: Value::Null,
                timeout: std::time::Duration::from_secs(1),
            };
            Traced(wire).post(call).await.unwrap();
        });
        outgoing.await.unwrap();
        StatusCode::NO_CONTENT
    };
    let pushed = work.clone();
    let routes = OpenApiRouter::new()
        .route("/work", post(async move || work().await))
        .route("/push", post(async move |Push(_): Push<Value>| pushed().await));
    crate::finish("traced", routes, &[])
        .layer(Extension(Arc::new(Anybody) as Arc<dyn PushVerifier>))
}

/// The trace that the function sent to its bus and its transport for this `header` and `attribute`.
async fn passed_on(path: &str, header: Option<&str>, attribute: Option<&str>) -> (String, String) {
    let (bus, wire) = (Arc::new(RecordingBus::new()), RecordingTransport::default());
    let mut request = Request::post(path).header("authorization", "Bearer t");
    if let Some(header) = header {
        request = request.header("traceparent", header);
    }
    let body = json!({ "message": { "data": STANDARD.encode("{}"), "attributes": { "traceparent": attribute } } });
    let request = request.body(Body::from(body.to_string())).unwrap();
    let Ok(answer) = function(bus.clone(), wire.clone()).oneshot(request).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let published = bus.take().pop().unwrap();
    assert_eq!(published.attributes["task_id"], "t1");
    let (_, header) = wire.0.lock().unwrap().pop().unwrap().headers.pop().unwrap();
    (published.attributes["traceparent"].clone(), header)
}

fn parts(traceparent: &str) -> (&str, &str) {
    let (version, rest) = traceparent.split_once('-').unwrap();
    let (id, rest) = rest.split_once('-').unwrap();
    let (span, flags) = rest.split_once('-').unwrap();
    assert_eq!((version, span.len(), flags), ("00", 16, "01"), "{traceparent}");
    (id, span)
}

#[tokio::test]
async fn a_requests_trace_continues_in_messages_and_calls() {
    let header = format!("00-{TRACE}-b7ad6b7169203331-01");
    let (message, call) = passed_on("/work", Some(&header), None).await;
    let ((of_message, span), (of_call, other_span)) = (parts(&message), parts(&call));
    assert_eq!((of_message, of_call), (TRACE, TRACE));
    assert_ne!(span, other_span);
}

#[tokio::test]
async fn a_delivery_continues_its_messages_trace() {
    let header = format!("00-{OTHER}-b7ad6b7169203331-01");
    let attribute = format!("00-{TRACE}-b7ad6b7169203331-01");
    let (message, call) = passed_on("/push", Some(&header), Some(&attribute)).await;
    assert_eq!((parts(&message).0, parts(&call).0), (TRACE, TRACE));
}

#[tokio::test]
async fn an_invalid_traceparent_starts_a_new_trace() {
    for bad in [
        "",
        "00",
        "00-short-b7ad6b7169203331-01",
        &format!("00-{}-1-01", "0".repeat(32)),
        "00-é-1-01",
    ] {
        let (message, _) = passed_on("/push", None, Some(bad)).await;
        assert_ne!(parts(&message).0, "0".repeat(32), "{bad}");
    }
    let upper = format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase());
    assert_ne!(parts(&passed_on("/work", Some(&upper), None).await.0).0, TRACE.to_uppercase());
}

#[tokio::test]
async fn outside_a_trace_no_traceparent_is_sent() {
    let bus = Arc::new(RecordingBus::new());
    Traced(bus.clone()).publish(message()).await.unwrap();
    assert_eq!(bus.take(), [message()]);
}
