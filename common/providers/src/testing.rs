//! A strict stub server that plays recorded answers, and short summaries of results.

mod request;
mod words;

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use ports::{Secret, SecretError, SecretSource};
use serde_json::{Value, json};

pub(crate) use request::{every_request, request, tool};
pub(crate) use words::{said, summary, watched};

/// The key that the server expects.
pub(crate) const TEST_KEY: &str = "sk-test";

pub(crate) fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A recorded answer.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixture_path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names of the fixtures in a folder with this ending.
pub(crate) fn fixtures(folder: &str, ending: &str) -> Vec<String> {
    let files = fs::read_dir(fixture_path(folder)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

/// What is wrong with a body that is sent to this path.
pub(crate) fn complaints(path: &str, body: &Value) -> Vec<String> {
    let schema = match path {
        _ if path.ends_with("/chat/completions") => "openai_chat",
        _ if path.ends_with("/responses") => "openai_responses",
        _ if path.ends_with("/embeddings") => "openai_embeddings",
        _ if path.contains(":generateContent") || path.contains(":streamGenerateContent") => {
            "gemini"
        }
        _ => return vec![format!("nothing may be sent to {path}")],
    };
    let schema = serde_json::from_slice(&fixture(&format!("schemas/{schema}.json"))).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// One answer that the server plays.
#[derive(Clone)]
pub(crate) struct RecordedAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
    pub(crate) then: AfterBody,
}

/// What follows the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AfterBody {
    /// The response ends.
    End,
    /// The response stays open, and nothing more is sent.
    Silence,
    /// The connection breaks.
    Break,
    /// Comments are sent without end.
    Comments,
}

impl RecordedAnswer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), then: AfterBody::End }
    }

    pub(crate) fn fixture(name: &str) -> Self {
        Self::ok(fixture(name))
    }

    fn response(self) -> Response {
        let headers: HeaderMap =
            self.headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        // In small chunks, so that events and characters arrive in parts.
        let size = (self.body.len() / 64).max(7);
        let chunks: Vec<_> =
            self.body.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let body = stream::iter(chunks);
        let body = match self.then {
            AfterBody::End => body.boxed(),
            AfterBody::Silence => body.chain(stream::pending()).boxed(),
            AfterBody::Break => body
                .chain(stream::once(async {
                    // The body must arrive before the connection breaks.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    Err(std::io::Error::other("broken"))
                }))
                .boxed(),
            AfterBody::Comments => body
                .chain(stream::unfold((), async |()| {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    Some((Ok(Bytes::from_static(b": alive\n\n")), ()))
                }))
                .boxed(),
        };
        let status = StatusCode::from_u16(self.status).unwrap();
        (status, headers, Body::from_stream(body)).into_response()
    }
}

/// A request that the server received.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A stub server that plays its answers in order and repeats the last one.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<ServerState>,
}

struct ServerState {
    answers: Vec<RecordedAnswer>,
    asked: Mutex<Vec<ReceivedRequest>>,
}

impl Server {
    pub(crate) async fn playing(answers: impl IntoIterator<Item = RecordedAnswer>) -> Self {
        let state = Arc::new(ServerState {
            answers: answers.into_iter().collect(),
            asked: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    pub(crate) fn asked(&self) -> Vec<ReceivedRequest> {
        self.state.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State(state): State<Arc<ServerState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let complaints = if body.is_null() { Vec::new() } else { complaints(&path, &body) };
    let place = {
        let mut asked = state.asked.lock().unwrap();
        asked.push(ReceivedRequest { method, path, headers, body });
        asked.len().min(state.answers.len()) - 1
    };
    if complaints.is_empty() {
        return state.answers[place].clone().response();
    }
    let error =
        json!({ "error": { "code": "not_as_described", "message": complaints.join("; ") } });
    (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
}

/// A secret source that holds the test key, or no key.
pub(crate) struct KeySource(pub(crate) Option<&'static str>);

#[async_trait]
impl SecretSource for KeySource {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let is_known = [crate::openai::KEY, crate::gemini::KEY].contains(&name);
        self.0
            .filter(|_| is_known)
            .map(Secret::new)
            .ok_or_else(|| SecretError::NotFound(name.into()))
    }
}
