//! Public keys of a token issuer: fetched once, and again when a token names an unknown key.

use std::{
    collections::HashMap,
    sync::OnceLock,
    time::{Duration, Instant},
};

use jsonwebtoken::{Algorithm, DecodingKey, jwk::JwkSet};
use tokio::sync::Mutex;

use super::unauthenticated;
use crate::Problem;

/// Keys are fetched again after this long, and for unknown key ids at most once per [`LEAST_AGE`].
const MOST_AGE: Duration = Duration::from_hours(1);
const LEAST_AGE: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keys by key id, each with the one algorithm it may be used with.
type Keys = HashMap<String, (DecodingKey, Algorithm)>;

/// A JSON Web Key Set at a URL.
pub struct Jwks {
    url: String,
    /// Built at the first fetch, because building it reads the machine's certificates.
    client: OnceLock<reqwest::Client>,
    /// Held across the fetch on purpose, so that concurrent requests on a cold start share one
    /// fetch.
    keys: Mutex<Option<(Instant, Keys)>>,
}

impl Jwks {
    /// The key set at a URL; it is fetched when the first token arrives.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), client: OnceLock::new(), keys: Mutex::new(None) }
    }

    fn client(&self) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(self.client.get_or_init(|| built))
    }

    /// The key that a token names, and the one algorithm it may be used with.
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        asked: Algorithm,
    ) -> Result<(DecodingKey, Algorithm), Problem> {
        let id = id.ok_or_else(|| unauthenticated("the token's header names no key (kid)"))?;
        let mut cached = self.keys.lock().await;
        let is_fresh = |fetched: Instant, least: Duration| fetched.elapsed() < least;
        let known = cached.as_ref().filter(|(fetched, _)| is_fresh(*fetched, MOST_AGE));
        let mut found = known.and_then(|(_, keys)| keys.get(id).cloned());
        if found.is_none()
            && !cached.as_ref().is_some_and(|(fetched, _)| is_fresh(*fetched, LEAST_AGE))
        {
            match self.fetch().await {
                Ok(keys) => {
                    found = keys.get(id).cloned();
                    *cached = Some((Instant::now(), keys));
                }
                Err(error) => {
                    tracing::error!(%error, "the token issuer's keys cannot be fetched");
                    return Err(Problem::unavailable("tokens cannot be verified now"));
                }
            }
        }
        let (key, algorithm) =
            found.ok_or_else(|| unauthenticated("the token is signed by an unknown key"))?;
        if algorithm == asked {
            Ok((key, algorithm))
        } else {
            Err(unauthenticated("the token's algorithm is not accepted"))
        }
    }

    async fn fetch(&self) -> Result<Keys, reqwest::Error> {
        let set: JwkSet =
            self.client()?.get(&self.url).send().await?.error_for_status()?.json().await?;
        let usable = set.keys.iter().filter_map(|jwk| {
            let id = jwk.common.key_id.clone()?;
            let algorithm = jwk.common.key_algorithm?.to_string().parse().ok()?;
            // A symmetric key in a public set would let anybody sign.
            let is_public =
                !matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
            let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_public)?;
            Some((id, (key, algorithm)))
        });
        Ok(usable.collect())
    }
}
