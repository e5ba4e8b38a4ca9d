//! Stubs of the Google services that have no emulator: the metadata server, Secret Manager, and
//! Pub/Sub's signatures.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// An Ed25519 key used only in these tests: PKCS #8 in hexadecimal, and its public half as in a
/// JWK.
const PRIVATE: &str = "302e020100300506032b6570042204208f018a17684c968ef4ae1d7ae7d93618d60b8fb0f225a646d634972f6a48c42b";
const PUBLIC: &str = "GCSpxGok-0Pv-9Sfm4JmRip4aXu0fQz5bUvTypcnF8Y";

/// The e-mail of a service account of the test's project.
pub(crate) fn account(name: &str) -> String {
    format!("{name}@test.iam.gserviceaccount.com")
}

/// A token that Google would sign for an account.
pub(crate) fn id_token(email: &str, audience: &str, seconds: i64) -> String {
    let exp = jiff_now() + seconds;
    signed(&json!({
        "iss": "https://accounts.google.com", "aud": audience, "sub": email, "email": email, "email_verified": true,
        "exp": exp, "iat": exp - 3600,
    }))
}

/// A client's token from an external issuer with these keys.
pub(crate) fn client_token(business: &str) -> String {
    let exp = jiff_now() + 600;
    signed(&json!({
        "iss": "https://login.test", "aud": "raptorflow", "sub": "user", "exp": exp, "iat": exp - 600,
        "app_metadata": { "business_id": business },
    }))
}

fn signed(claims: &Value) -> String {
    let der: Vec<u8> = (0..PRIVATE.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&PRIVATE[at..at + 2], 16).unwrap())
        .collect();
    let header = Header { kid: Some("google".into()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

fn jiff_now() -> i64 {
    use ports::Clock as _;
    service::WallClock.now().unix_seconds()
}

/// Serves a router on a port of its own and returns its `host:port`.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    host
}

/// The keys that Google's tokens are verified with.
pub(crate) fn keys() -> Router {
    let set = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "google", "x": PUBLIC }
    ] });
    Router::new().route("/certs", get(async move || Json(set)))
}

/// The metadata server of one function's service.
pub(crate) fn metadata(function: &str) -> Router {
    let (email, token) = (account(function), format!("access-of-{function}"));
    let access = json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" });
    let identity = async move |Query(query): Query<BTreeMap<String, String>>| {
        id_token(&email, &query["audience"], 3600)
    };
    let default = "/computeMetadata/v1/instance/service-accounts/default";
    Router::new()
        .route(&format!("{default}/token"), get(async move || Json(access)))
        .route(&format!("{default}/identity"), get(identity))
        .route("/computeMetadata/v1/universe/universe-domain", get(async || "googleapis.com"))
}

/// Secret Manager: values by name, given only to accounts that the topology allows.
#[derive(Clone)]
pub(crate) struct Secrets {
    pub(crate) values: Arc<BTreeMap<String, String>>,
    /// The names that each access token may read.
    pub(crate) readers: Arc<BTreeMap<String, BTreeSet<String>>>,
    /// Refused reads.
    pub(crate) refused: Arc<Mutex<Vec<String>>>,
}

impl Secrets {
    pub(crate) fn router(self) -> Router {
        let path = "/v1/projects/{project}/secrets/{name}/versions/{version}";
        Router::new().route(path, get(access)).with_state(self)
    }
}

async fn access(
    State(secrets): State<Secrets>,
    Path((project, name, version)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let error = |status: StatusCode, name: &str| {
        let error = json!({ "code": status.as_u16(), "status": name, "message": name });
        (status, Json(json!({ "error": error })))
    };
    let reader =
        headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    if version != "latest:access" {
        return error(StatusCode::NOT_FOUND, "NOT_FOUND");
    }
    if !secrets.readers.get(&reader).is_some_and(|names| names.contains(&name)) {
        secrets.refused.lock().unwrap().push(format!("{reader} {name}"));
        return error(StatusCode::FORBIDDEN, "PERMISSION_DENIED");
    }
    let Some(value) = secrets.values.get(&name) else {
        return error(StatusCode::NOT_FOUND, "NOT_FOUND");
    };
    let sum = i64::from(crc32c::crc32c(value.as_bytes())).to_string();
    let payload = json!({ "data": STANDARD.encode(value), "dataCrc32c": sum });
    let name = format!("projects/{project}/secrets/{name}/versions/1");
    (StatusCode::OK, Json(json!({ "name": name, "payload": payload })))
}

/// The audience of a subscriber, and the URLs of its revisions, which take turns.
pub(crate) type Route = (String, Vec<String>);

/// Signs the emulator's deliveries on their way, because it sends no tokens itself.
#[derive(Clone)]
pub(crate) struct PushSigner {
    /// The route of each topic.
    pub(crate) routes: Arc<Mutex<BTreeMap<String, Route>>>,
    /// Every delivery: topic, URL, status.
    pub(crate) deliveries: Arc<Mutex<Vec<(String, String, u16)>>>,
    pub(crate) client: reqwest::Client,
}

impl PushSigner {
    pub(crate) fn router(self) -> Router {
        Router::new().route("/push/{topic}", post(deliver)).with_state(self)
    }
}

async fn deliver(
    State(signer): State<PushSigner>,
    Path(topic): Path<String>,
    body: Bytes,
) -> StatusCode {
    let (audience, url) = {
        let mut routes = signer.routes.lock().unwrap();
        let (audience, urls) = routes.get_mut(&topic).unwrap();
        urls.rotate_left(1);
        (audience.clone(), urls[urls.len() - 1].clone())
    };
    let token = id_token(&account("push"), &audience, 3600);
    let sent = signer
        .client
        .post(format!("{url}/push/{topic}"))
        .bearer_auth(token)
        .body(body)
        .send()
        .await;
    let status = sent.map_or(StatusCode::BAD_GATEWAY, |response| response.status());
    signer.deliveries.lock().unwrap().push((topic, url, status.as_u16()));
    status
}
