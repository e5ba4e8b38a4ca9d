//! Secrets from Secret Manager, cached for an hour.
//!
//! Concurrent readers share one fetch of a secret. A secret is renewed shortly before the hour ends
//! while the old value is still used, and used up to a day while the service is down.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use domain::Time;
use google_cloud_secretmanager_v1::client::SecretManagerService;
use ports::{Clock, Secret, SecretError, SecretSource};
use tokio::sync::{Mutex as Flight, OnceCell};

use crate::Credentials;

/// Age in ms from which a value is renewed in the background.
const RENEW_MS: i64 = 55 * 60 * 1000;
/// Age in ms from which a reader waits for the renewal.
const FRESH_MS: i64 = 60 * 60 * 1000;
/// Age in ms from which a value is not used any more.
const STALE_MS: i64 = 24 * 60 * 60 * 1000;
/// The shortest time in ms between two requests while the service is down, or for a secret that
/// does not exist.
const RETRY_MS: i64 = 30 * 1000;
const TIMEOUT: Duration = Duration::from_secs(5);
const NOT_FOUND: u16 = 404;

/// The secrets of a project.
#[derive(Clone)]
pub struct SecretManager(Arc<Inner>);

struct Inner {
    project: String,
    base_url: Option<String>,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    client: OnceCell<SecretManagerService>,
    cached: Mutex<HashMap<String, Arc<CachedSecret>>>,
}

/// The cached state of one secret.
#[derive(Default)]
struct CachedSecret {
    state: Mutex<State>,
    /// Held during a fetch on purpose, so that other readers wait for the same fetch.
    flight: Flight<()>,
}

#[derive(Default, Clone)]
struct State {
    value: Option<(Secret, Time)>,
    failed: Option<(SecretError, Time)>,
}

impl CachedSecret {
    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl State {
    /// The value, unless it is older than `ms`.
    fn within(&self, ms: i64, now: Time) -> Option<Secret> {
        self.value
            .as_ref()
            .filter(|(_, fetched)| now.ms_since(*fetched) < ms)
            .map(|(secret, _)| secret.clone())
    }

    fn recent_failure(&self, now: Time) -> Option<&SecretError> {
        self.failed.as_ref().filter(|(_, at)| now.ms_since(*at) < RETRY_MS).map(|(error, _)| error)
    }
}

impl SecretManager {
    /// The secrets of `project`; `base_url` overrides Google's address.
    pub fn new(
        project: impl Into<String>,
        base_url: Option<String>,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let cached = Mutex::new(HashMap::new());
        Self(Arc::new(Inner {
            project: project.into(),
            base_url,
            credentials,
            clock,
            client: OnceCell::new(),
            cached,
        }))
    }

    async fn client(&self) -> Result<&SecretManagerService, SecretError> {
        let connect = || async {
            let builder =
                SecretManagerService::builder().with_credentials(self.0.credentials.google());
            let builder = match &self.0.base_url {
                Some(url) => builder.with_endpoint(url),
                None => builder,
            };
            builder.build().await.map_err(|error| SecretError::Unavailable(error.to_string()))
        };
        self.0.client.get_or_try_init(connect).await
    }

    async fn fetch(&self, name: &str) -> Result<Secret, SecretError> {
        let version = format!("projects/{}/secrets/{name}/versions/latest", self.0.project);
        let request = self.client().await?.access_secret_version().set_name(version);
        let answered = tokio::time::timeout(TIMEOUT, request.send()).await;
        let answered = answered
            .map_err(|_| SecretError::Unavailable(format!("no answer within {TIMEOUT:?}")))?;
        let answer = answered.map_err(|error| match error.http_status_code() {
            Some(NOT_FOUND) => SecretError::NotFound(name.into()),
            _ => SecretError::Unavailable(error.to_string()),
        })?;
        let payload = answer
            .payload
            .ok_or_else(|| SecretError::Unavailable("an answer without a payload".into()))?;
        let sum = i64::from(crc32c::crc32c(&payload.data));
        if payload.data_crc32c.is_some_and(|expected| expected != sum) {
            return Err(SecretError::Unavailable(format!(
                "the value of `{name}` was damaged on its way"
            )));
        }
        let text = String::from_utf8(payload.data.to_vec());
        let text = text
            .map_err(|_| SecretError::Unavailable(format!("the value of `{name}` is not text")))?;
        // Logs which secret was read and when, for audits; the version's name is not secret.
        tracing::info!(
            secret.name = name,
            secret.version = answer.name,
            "the secret `{name}` was read"
        );
        Ok(Secret::new(text.trim_end_matches('\n')))
    }

    /// Fetches the secret unless another caller just did.
    async fn renew(
        &self,
        name: &str,
        cached: &CachedSecret,
        wanted_ms: i64,
    ) -> Result<Secret, SecretError> {
        let _flight = cached.flight.lock().await;
        let now = self.0.clock.now();
        let state = cached.state();
        if let Some(secret) = state.within(wanted_ms, now) {
            return Ok(secret);
        }
        let error = match state.recent_failure(now) {
            Some(error) => error.clone(),
            None => match self.fetch(name).await {
                Ok(secret) => {
                    cached.put(State { value: Some((secret.clone(), now)), failed: None });
                    return Ok(secret);
                }
                Err(error) => {
                    tracing::warn!(secret.name = name, %error, "the secret `{name}` could not be read");
                    // A deleted secret is gone at once; while the service is unreachable, the old
                    // value is used.
                    let value = state
                        .value
                        .clone()
                        .filter(|_| matches!(error, SecretError::Unavailable(_)));
                    cached.put(State { value, failed: Some((error.clone(), now)) });
                    error
                }
            },
        };
        cached.state().within(STALE_MS, now).ok_or(error)
    }
}

#[async_trait]
impl SecretSource for SecretManager {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let cached = self
            .0
            .cached
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.into())
            .or_default()
            .clone();
        let now = self.0.clock.now();
        let state = cached.state();
        let Some(secret) = state.within(FRESH_MS, now) else {
            return self.renew(name, &cached, FRESH_MS).await;
        };
        if state.within(RENEW_MS, now).is_none() && state.recent_failure(now).is_none() {
            let (source, name) = (self.clone(), name.to_owned());
            tokio::spawn(async move { source.renew(&name, &cached, RENEW_MS).await });
        }
        Ok(secret)
    }
}
