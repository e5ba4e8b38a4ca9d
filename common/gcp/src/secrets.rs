//! Secrets from Secret Manager, kept for an hour.
//!
//! A secret is fetched once however many ask for it, renewed shortly before the hour is over while
//! the old value still serves, and served up to a day old while the service is down.

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

/// A value is renewed in the background from this age on,
const RENEW_MS: i64 = 55 * 60 * 1000;
/// waited for from this age on,
const FRESH_MS: i64 = 60 * 60 * 1000;
/// and of no use from this age on.
const STALE_MS: i64 = 24 * 60 * 60 * 1000;
/// While the service is down it is not asked more often than this; nor for a secret that it does
/// not have.
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
    kept: Mutex<HashMap<String, Arc<Kept>>>,
}

/// What is known of one secret.
#[derive(Default)]
struct Kept {
    state: Mutex<State>,
    /// Held over a fetch on purpose: whoever else asks waits for that one.
    flight: Flight<()>,
}

#[derive(Default, Clone)]
struct State {
    value: Option<(Secret, Time)>,
    failed: Option<(SecretError, Time)>,
}

impl Kept {
    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl State {
    /// The value, unless it is older than this.
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
    /// The secrets of `project`; `base_url` is where the service is instead of at Google.
    pub fn new(
        project: impl Into<String>,
        base_url: Option<String>,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let kept = Mutex::new(HashMap::new());
        Self(Arc::new(Inner {
            project: project.into(),
            base_url,
            credentials,
            clock,
            client: OnceCell::new(),
            kept,
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
        // Who read what and when, for the audit; the version's name is no secret.
        tracing::info!(
            secret.name = name,
            secret.version = answer.name,
            "the secret `{name}` was read"
        );
        Ok(Secret::new(text.trim_end_matches('\n')))
    }

    /// Fetches unless somebody else just did.
    async fn renew(&self, name: &str, kept: &Kept, wanted_ms: i64) -> Result<Secret, SecretError> {
        let _flight = kept.flight.lock().await;
        let now = self.0.clock.now();
        let state = kept.state();
        if let Some(secret) = state.within(wanted_ms, now) {
            return Ok(secret);
        }
        let error = match state.recent_failure(now) {
            Some(error) => error.clone(),
            None => match self.fetch(name).await {
                Ok(secret) => {
                    kept.put(State { value: Some((secret.clone(), now)), failed: None });
                    return Ok(secret);
                }
                Err(error) => {
                    tracing::warn!(secret.name = name, %error, "the secret `{name}` could not be read");
                    // A secret that was taken away is gone; one that cannot be asked for still
                    // serves.
                    let value = state
                        .value
                        .clone()
                        .filter(|_| matches!(error, SecretError::Unavailable(_)));
                    kept.put(State { value, failed: Some((error.clone(), now)) });
                    error
                }
            },
        };
        kept.state().within(STALE_MS, now).ok_or(error)
    }
}

#[async_trait]
impl SecretSource for SecretManager {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let kept = self
            .0
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.into())
            .or_default()
            .clone();
        let now = self.0.clock.now();
        let state = kept.state();
        let Some(secret) = state.within(FRESH_MS, now) else {
            return self.renew(name, &kept, FRESH_MS).await;
        };
        if state.within(RENEW_MS, now).is_none() && state.recent_failure(now).is_none() {
            let (source, name) = (self.clone(), name.to_owned());
            tokio::spawn(async move { source.renew(&name, &kept, RENEW_MS).await });
        }
        Ok(secret)
    }
}
