//! A stub of Vertex AI Vector Search in this process: strict about requests, and difficult wherever
//! the real service may be.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, Uri},
    routing::post,
};
use gcp::{Credentials, VertexTarget, VertexVectors};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    described,
    index::{Answer, Index},
};

const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The stub service: one index behind a regional address, and its endpoint behind another.
#[derive(Clone, Default)]
pub(crate) struct VertexStub(Arc<Mutex<Index>>);

impl VertexStub {
    /// The stub and an adapter that calls it.
    pub(crate) async fn start() -> (Self, Arc<VertexVectors>) {
        let stub = Self::default();
        let limit = || DefaultBodyLimit::max(MOST_BYTES);
        let changes = Router::new()
            .route("/v1/projects/p/locations/l/indexes/{call}", post(change))
            .layer(limit());
        let searches =
            Router::new().route("/v1/projects/p/locations/l/indexEndpoints/{call}", post(search));
        let target = VertexTarget {
            index: "projects/p/locations/l/indexes/7".into(),
            endpoint: "projects/p/locations/l/indexEndpoints/8".into(),
            deployed_index_id: "deployed".into(),
            base_url: serve(changes.with_state(stub.clone())).await,
            query_base_url: serve(searches.with_state(stub.clone())).await,
        };
        (stub, Arc::new(VertexVectors::new(target, Credentials::anonymous())))
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.0.lock().unwrap());
    }

    /// The request bodies of one method.
    pub(crate) fn bodies(&self, call: &str) -> Vec<Value> {
        let index = self.0.lock().unwrap();
        index.asked.iter().filter(|(name, _)| name == call).map(|(_, body)| body.clone()).collect()
    }
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

type Answered = (StatusCode, Json<Value>);

async fn change(
    State(stub): State<VertexStub>,
    Path(call): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Answered {
    stub.answer(&uri, &body, |index| match call.as_str() {
        "7:upsertDatapoints" => index.upsert(parse(&body)?),
        "7:removeDatapoints" => index.remove(&parse(&body)?),
        _ => Err(format!("there is no {call}")),
    })
}

async fn search(
    State(stub): State<VertexStub>,
    Path(call): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Answered {
    stub.answer(&uri, &body, |index| match call.as_str() {
        "8:findNeighbors" => index.search(&parse(&body)?),
        _ => Err(format!("there is no {call}")),
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

impl VertexStub {
    /// Every request is first checked against Google's description, even one that is refused for
    /// another reason.
    fn answer(&self, uri: &Uri, body: &[u8], work: impl FnOnce(&mut Index) -> Answer) -> Answered {
        let mut index = self.0.lock().unwrap();
        let name = uri.path().rsplit(':').next().unwrap_or_default().to_owned();
        index.asked.push((name, serde_json::from_slice(body).unwrap_or_default()));
        if let Err(message) = described::check(uri.path(), body) {
            return (StatusCode::BAD_REQUEST, Json(error(400, "INVALID_ARGUMENT", &message)));
        }
        if let Some((status, answer)) = index.refusals.pop_front() {
            return (status, Json(answer));
        }
        match work(&mut index) {
            Ok(answer) => (StatusCode::OK, Json(answer)),
            Err(message) => {
                (StatusCode::BAD_REQUEST, Json(error(400, "INVALID_ARGUMENT", &message)))
            }
        }
    }
}

/// An error body in Google's format.
pub(crate) fn error(code: u16, status: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message, "status": status } })
}
