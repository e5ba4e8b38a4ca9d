//! Tests of Secret Manager secrets, against a stub server of its REST API.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gcp::{Credentials, SecretManager};
use ports::{SecretError, SecretSource as _};
use serde_json::{Value, json};
use testkit::FixedClock;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A stub server: its answers, and how often it was called.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    value: String,
    down: bool,
    damaged: bool,
    asked: Vec<String>,
}

impl Server {
    fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.0.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

async fn access(
    State(server): State<Server>,
    Path((project, name, version)): Path<(String, String, String)>,
) -> (StatusCode, Json<Value>) {
    let mut answers = server.0.lock().unwrap();
    answers.asked.push(format!("{project} {name} {version}"));
    let error = |status: StatusCode, name: &str| {
        (
            status,
            Json(json!({ "error": { "code": status.as_u16(), "message": name, "status": name } })),
        )
    };
    if answers.down {
        return error(StatusCode::FORBIDDEN, "PERMISSION_DENIED");
    }
    if name != "openai_api_key" {
        return error(StatusCode::NOT_FOUND, "NOT_FOUND");
    }
    let sum = crc32c::crc32c(answers.value.as_bytes()) ^ u32::from(answers.damaged);
    let payload = json!({ "data": STANDARD.encode(&answers.value), "dataCrc32c": sum.to_string() });
    let name = format!("projects/{project}/secrets/{name}/versions/7");
    (StatusCode::OK, Json(json!({ "name": name, "payload": payload })))
}

async fn world(value: &str) -> (SecretManager, Server, Arc<FixedClock>) {
    let server = Server::default();
    server.set(|answers| answers.value = value.into());
    let route = "/v1/projects/{project}/secrets/{name}/versions/{version}";
    let router = Router::new().route(route, get(access)).with_state(server.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let clock = Arc::new(FixedClock::at("2026-11-22T09:30:00Z"));
    (SecretManager::new("p", Some(url), Credentials::anonymous(), clock.clone()), server, clock)
}

async fn value(secrets: &SecretManager) -> Result<String, SecretError> {
    Ok(secrets.secret("openai_api_key").await?.expose().into())
}

#[tokio::test]
async fn concurrent_readers_share_one_fetch_of_a_secret() {
    let (secrets, server, clock) = world("sk-1\n").await;
    let all = futures::future::join_all((0..64).map(|_| value(&secrets))).await;
    assert!(all.iter().all(|value| value.as_deref() == Ok("sk-1")), "{all:?}");
    assert_eq!(server.0.lock().unwrap().asked, ["p openai_api_key latest:access"]);
    server.set(|answers| answers.value = "sk-2".into());
    clock.advance_seconds(54 * MINUTE);
    assert_eq!((value(&secrets).await.as_deref(), server.asked()), (Ok("sk-1"), 1));
}

#[tokio::test]
async fn a_secret_is_renewed_in_the_background() {
    let (secrets, server, clock) = world("sk-1").await;
    value(&secrets).await.unwrap();
    server.set(|answers| answers.value = "sk-2".into());
    clock.advance_seconds(56 * MINUTE);
    // The old value is used until the new one arrives.
    while value(&secrets).await.unwrap() != "sk-2" {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.asked(), 2);
    clock.advance_seconds(HOUR);
    server.set(|answers| answers.value = "sk-3".into());
    assert_eq!((value(&secrets).await.as_deref(), server.asked()), (Ok("sk-3"), 3));
}

#[tokio::test]
async fn a_stale_secret_serves_a_day_of_outage() {
    let (secrets, server, clock) = world("sk-1").await;
    value(&secrets).await.unwrap();
    server.set(|answers| answers.down = true);
    clock.advance_seconds(2 * HOUR);
    assert_eq!((value(&secrets).await.as_deref(), server.asked()), (Ok("sk-1"), 2));
    // The next request is made only after half a minute.
    assert_eq!((value(&secrets).await.as_deref(), server.asked()), (Ok("sk-1"), 2));
    clock.advance_seconds(31);
    assert_eq!((value(&secrets).await.as_deref(), server.asked()), (Ok("sk-1"), 3));
    clock.advance_seconds(22 * HOUR);
    assert!(matches!(value(&secrets).await, Err(SecretError::Unavailable(_))));
    server.set(|answers| answers.down = false);
    clock.advance_seconds(31);
    assert_eq!(value(&secrets).await.as_deref(), Ok("sk-1"));
}

#[tokio::test]
async fn a_damaged_value_is_refused() {
    let (secrets, server, clock) = world("sk-1").await;
    server.set(|answers| answers.damaged = true);
    let error = value(&secrets).await.unwrap_err();
    assert!(
        error.to_string().contains("damaged") && !error.to_string().contains("sk-1"),
        "{error}"
    );
    server.set(|answers| answers.damaged = false);
    clock.advance_seconds(31);
    assert_eq!(value(&secrets).await.as_deref(), Ok("sk-1"));
}

#[tokio::test]
async fn a_missing_secret_differs_from_an_outage() {
    let (secrets, server, _) = world("sk-1").await;
    for _ in 0..3 {
        let missing = secrets.secret("supabase_url").await;
        assert_eq!(missing, Err(SecretError::NotFound("supabase_url".into())));
    }
    assert_eq!(server.asked(), 1, "what is missing is not asked for again and again");
}
