//! A proxy between the adapter and the server that counts requests and can make them fail.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use futures::stream;

/// What happens to requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ProxyMode {
    /// They are forwarded.
    Open,
    /// The proxy answers with this status and body.
    Answered(u16, String),
    /// The connection is cut in the middle of the answer.
    Cut,
    /// They are forwarded, but the answer is lost.
    AnswerLost,
    /// This many more are forwarded, then all get 503.
    OpenFor(usize),
}

/// A proxy to a server.
pub(crate) struct Proxy {
    state: Arc<ProxyState>,
    pub(crate) url: String,
}

struct ProxyState {
    target: String,
    client: reqwest::Client,
    mode: Mutex<ProxyMode>,
    seen: Mutex<Vec<String>>,
}

impl Proxy {
    pub(crate) async fn start(target: &str) -> Self {
        let state = Arc::new(ProxyState {
            target: target.to_owned(),
            client: reqwest::Client::new(),
            mode: Mutex::new(ProxyMode::Open),
            seen: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { state, url }
    }

    /// Sets what happens to requests from now on.
    pub(crate) fn set(&self, mode: ProxyMode) {
        *self.state.mode.lock().unwrap() = mode;
    }

    /// The number of requests since the last call.
    pub(crate) fn count(&self) -> usize {
        std::mem::take(&mut *self.state.seen.lock().unwrap()).len()
    }
}

async fn pass(
    State(state): State<Arc<ProxyState>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.seen.lock().unwrap().push(format!("{method} {uri}"));
    let mode = {
        let mut mode = state.mode.lock().unwrap();
        let now = mode.clone();
        if let ProxyMode::OpenFor(left) = &mut *mode {
            *left = left.saturating_sub(1);
        }
        now
    };
    match mode {
        ProxyMode::Answered(status, text) => answer(status, Body::from(text)),
        ProxyMode::OpenFor(0) => answer(503, Body::empty()),
        ProxyMode::Cut => cut(),
        ProxyMode::Open | ProxyMode::OpenFor(_) | ProxyMode::AnswerLost => {
            headers.remove("host");
            let request = state
                .client
                .request(method, format!("{}{uri}", state.target))
                .headers(headers)
                .body(body);
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.bytes().await.unwrap();
            if mode == ProxyMode::AnswerLost { cut() } else { answer(status, Body::from(text)) }
        }
    }
}

fn answer(status: u16, body: Body) -> Response {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body).unwrap()
}

/// An answer whose connection breaks in the middle.
fn cut() -> Response {
    let broken = stream::iter([Ok("["), Err(std::io::Error::other("cut"))]);
    answer(200, Body::from_stream(broken))
}
