//! A stub of AWS Lambda's runtime interface: the function asks for the next event and posts its
//! outcome.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify, mpsc};

/// How long a test waits for the function.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The outcome of an event.
#[derive(PartialEq, Debug)]
pub(crate) enum Outcome {
    /// The function answered the event of this index, counted from 0, with this.
    Response(usize, Value),
    /// The function could not handle the event of this index.
    Error(usize, Value),
}

/// A stub runtime interface on a port of its own.
pub(crate) struct Runtime {
    pub(crate) address: String,
    state: Arc<Queue>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

struct Queue {
    events: Mutex<VecDeque<Value>>,
    handed_out: Mutex<usize>,
    more: Notify,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

impl Runtime {
    pub(crate) async fn start() -> Self {
        let (sender, outcomes) = mpsc::unbounded_channel();
        let state = Arc::new(Queue {
            events: Mutex::default(),
            handed_out: Mutex::default(),
            more: Notify::new(),
            outcomes: sender,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(state.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, state, outcomes }
    }

    /// Hands an event to the function and waits for its outcome.
    pub(crate) async fn invoke(&mut self, event: Value) -> Outcome {
        self.state.events.lock().await.push_back(event);
        self.state.more.notify_one();
        let outcome = tokio::time::timeout(PATIENCE, self.outcomes.recv()).await;
        outcome.unwrap_or_else(|_| panic!("the function said nothing for {PATIENCE:?}")).unwrap()
    }
}

async fn next(State(queue): State<Arc<Queue>>) -> Response {
    let event = loop {
        if let Some(event) = queue.events.lock().await.pop_front() {
            break event;
        }
        queue.more.notified().await;
    };
    let mut handed_out = queue.handed_out.lock().await;
    let id = handed_out.to_string();
    *handed_out += 1;
    let headers = [
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", "4000000000000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:probe",
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        ),
    ];
    (headers, Json(event)).into_response()
}

async fn response(
    State(queue): State<Arc<Queue>>,
    Path(id): Path<usize>,
    body: Bytes,
) -> StatusCode {
    queue.outcomes.send(Outcome::Response(id, serde_json::from_slice(&body).unwrap())).unwrap();
    StatusCode::ACCEPTED
}

async fn error(
    State(queue): State<Arc<Queue>>,
    Path(id): Path<usize>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    assert!(headers.contains_key("lambda-runtime-function-error-type"), "{headers:?}");
    queue.outcomes.send(Outcome::Error(id, serde_json::from_slice(&body).unwrap())).unwrap();
    StatusCode::ACCEPTED
}

/// An HTTP API event of API Gateway, payload format 2.0.
pub(crate) fn api_gateway(method: &str, path: &str, query: &str, body: Option<&str>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {
            "host": "abc.execute-api.eu-central-1.amazonaws.com", "authorization": "Bearer t",
            "content-type": "application/json", "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc", "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abc", "requestId": "JKJaXmPLvHcESHA=", "routeKey": "$default", "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_348_800_000_i64,
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "probe",
            },
        },
        "body": body, "isBase64Encoded": false,
    })
}
