//! Calls to Vertex AI over REST. All of them are idempotent: they store, remove or read named
//! vectors.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use ports::VectorError;
use rand::RngExt as _;
use reqwest::{StatusCode, header};
use serde::Deserialize;

use crate::Credentials;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
/// Pause in ms before the one retry of a busy service; random, so that callers do not retry at the
/// same moment.
const PAUSE_MS: std::ops::Range<u64> = 100..400;
/// The most characters of Google's explanation that are passed on.
const MOST_REASON_CHARS: usize = 300;

/// Sends requests with the process's credentials.
pub(super) struct Client {
    credentials: Credentials,
    /// Built at the first call, because building it reads the machine's certificates.
    http: OnceLock<reqwest::Client>,
}

impl Client {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { credentials, http: OnceLock::new() }
    }

    /// The answer to a request with a JSON body; a busy service is retried once.
    pub(super) async fn post(&self, url: &str, body: String) -> Result<Bytes, VectorError> {
        let body = Bytes::from(body);
        let (mut status, mut answer) = self.send(url, body.clone()).await?;
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let pause = rand::rng().random_range(PAUSE_MS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            (status, answer) = self.send(url, body).await?;
        }
        if status.is_success() { Ok(answer) } else { Err(refusal(status, &answer)) }
    }

    async fn send(&self, url: &str, body: Bytes) -> Result<(StatusCode, Bytes), VectorError> {
        let token = self.credentials.access_token().await.map_err(unavailable)?;
        let mut request =
            self.http()?.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        Ok((status, response.bytes().await.map_err(lost)?))
    }

    fn http(&self) -> Result<&reqwest::Client, VectorError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .tcp_nodelay(true);
        let http = builder.build().map_err(unavailable)?;
        Ok(self.http.get_or_init(|| http))
    }
}

/// Google's error body.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorDetail {
    status: String,
    message: String,
}

fn refusal(status: StatusCode, answer: &[u8]) -> VectorError {
    let ErrorDetail { status: name, message } =
        serde_json::from_slice::<ErrorBody>(answer).unwrap_or_default().error;
    let mut reason = format!("Vertex AI answered {}", status.as_u16());
    if !name.is_empty() {
        let message: String = message.chars().take(MOST_REASON_CHARS).collect();
        reason = format!("{reason} {name}: {message}");
    }
    if status == StatusCode::BAD_REQUEST {
        VectorError::Invalid(reason)
    } else {
        VectorError::Unavailable(reason)
    }
}

/// Leaves the address out, which callers must not see.
fn lost(error: reqwest::Error) -> VectorError {
    let reason = if error.is_timeout() {
        format!("no answer within {TIMEOUT:?}")
    } else {
        error.without_url().to_string()
    };
    unavailable(reason)
}

fn unavailable(error: impl std::fmt::Display) -> VectorError {
    VectorError::Unavailable(format!("Vertex AI: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{
        Json, Router,
        extract::State,
        http::HeaderMap,
        routing::{get, post},
    };
    use serde_json::json;

    use super::*;

    type Seen = Arc<Mutex<Vec<String>>>;

    async fn call(State(seen): State<Seen>, headers: HeaderMap) -> (StatusCode, &'static str) {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        seen.lock().unwrap().push(bearer.into());
        (StatusCode::UNAUTHORIZED, "who?")
    }

    #[tokio::test]
    async fn calls_carry_the_accounts_token_and_errors_do_not() {
        let seen = Seen::default();
        let token = async || {
            Json(json!({"access_token": "ya29.secret", "expires_in": 3600, "token_type": "Bearer"}))
        };
        let router = Router::new()
            .route("/computeMetadata/v1/instance/service-accounts/default/token", get(token))
            .route("/v1/call", post(call))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let client = Client::new(Credentials::of_metadata_server(&url));
        let refused = client.post(&format!("{url}/v1/call"), "{}".into()).await;
        assert_eq!(refused, Err(VectorError::Unavailable("Vertex AI answered 401".into())));
        assert_eq!(*seen.lock().unwrap(), ["Bearer ya29.secret"]);
    }
}
