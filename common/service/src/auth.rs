//! Authentication: bearer tokens of clients and of other functions, and single-task tickets for
//! browsers' sockets.

mod caller;
mod google;
mod jwks;
mod signer;
mod tickets;
mod token_cache;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use domain::{BusinessId, Time, digest};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use ports::{Clock, Secret, SecretSource};
use serde::{Deserialize, Serialize};

use crate::{Problem, request::header};

pub use caller::{Caller, CallerRole};
pub use google::{GoogleAccount, GoogleTokens};
pub use jwks::Jwks;
pub use signer::Signer;

use token_cache::TokenCache;

/// The clock of a token's issuer may differ from ours by this many seconds.
const SKEW_SECONDS: i64 = 2;

/// The secret that client tokens and tickets are signed with.
const SECRET_NAME: &str = "jwt_secret";

/// How client tokens are verified.
pub enum Keys {
    /// HS256 with the shared secret.
    Shared,
    /// Asymmetric keys of an issuer.
    Jwks(Jwks),
}

/// Verifies tokens; signs and verifies tickets.
pub struct Auth {
    keys: Keys,
    secrets: Arc<dyn SecretSource>,
    audience: String,
    clock: Arc<dyn Clock>,
    services: Option<Services>,
    cache: TokenCache,
}

/// Service accounts whose Google-signed tokens are accepted as a function's.
struct Services {
    tokens: Arc<GoogleTokens>,
    accounts: Vec<String>,
}

/// Claims as Supabase Auth issues them: business and role at the top level or under `app_metadata`.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    business_id: Option<BusinessId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_metadata: Option<Metadata>,
}

impl Claims {
    fn caller(self) -> Result<Caller, Problem> {
        let metadata = self.app_metadata.unwrap_or(Metadata { business_id: None, role: None });
        let role = self.role.as_deref().and_then(CallerRole::of);
        let role = role
            .or_else(|| metadata.role.as_deref().and_then(CallerRole::of))
            .unwrap_or(CallerRole::Member);
        let business = self.business_id.or(metadata.business_id);
        if business.is_none() && role == CallerRole::Member {
            return Err(unauthenticated("the token names no business_id"));
        }
        Ok(Caller { subject: self.sub, business, role })
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Metadata {
    #[serde(default)]
    business_id: Option<BusinessId>,
    #[serde(default)]
    role: Option<String>,
}

fn unauthenticated(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let token = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    token.ok_or_else(|| unauthenticated("send `Authorization: Bearer` and a token"))
}

impl Auth {
    /// `keys` verify clients' tokens for `audience`. The secret `jwt_secret` signs tickets and,
    /// with [`Keys::Shared`], clients' tokens; it is read at first use.
    pub fn new(
        keys: Keys,
        secrets: Arc<dyn SecretSource>,
        audience: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            keys,
            secrets,
            audience: audience.into(),
            clock,
            services: None,
            cache: TokenCache::default(),
        }
    }

    /// Also accepts Google-signed tokens of these service accounts, with the caller's role
    /// `service`.
    #[must_use]
    pub fn with_services(mut self, tokens: Arc<GoogleTokens>, accounts: Vec<String>) -> Self {
        self.services = Some(Services { tokens, accounts });
        self
    }

    /// The shared secret. A secret that is too short is an error, because it can be guessed.
    async fn secret(&self) -> Result<Secret, Problem> {
        match self.secrets.secret(SECRET_NAME).await {
            Ok(secret) if secret.expose().len() >= Signer::LEAST_SECRET => Ok(secret),
            Ok(_) => {
                tracing::error!(
                    "the secret `{SECRET_NAME}` has fewer than {} characters",
                    Signer::LEAST_SECRET
                );
                Err(Problem::unavailable("tokens cannot be verified now"))
            }
            Err(error) => {
                tracing::error!(%error, "tokens cannot be verified without the secret `{SECRET_NAME}`");
                Err(Problem::unavailable("tokens cannot be verified now"))
            }
        }
    }

    /// Verifies the token of a client or of another function.
    pub async fn verify(&self, token: &str) -> Result<Caller, Problem> {
        match &self.services {
            Some(services) if google::is_claimed(token) => services.verify(token).await,
            _ => self.verify_client(token).await,
        }
    }

    async fn verify_client(&self, token: &str) -> Result<Caller, Problem> {
        match &self.keys {
            Keys::Shared => {
                let secret = self.secret().await?;
                let decode = async || self.decode_shared(&secret, token, &self.audience);
                self.caller(&digest(&[secret.expose(), token]), decode).await
            }
            Keys::Jwks(jwks) => {
                let decode = async || {
                    let header = decode_header(token)
                        .map_err(|_| unauthenticated("the token is not a JWT"))?;
                    let (key, algorithm) = jwks.key(header.kid.as_deref(), header.alg).await?;
                    decode_signed(token, &key, algorithm, &self.audience, self.clock.now())
                };
                self.caller(&digest(&["a key of the issuer", token]), decode).await
            }
        }
    }

    /// The caller of a token: from the token cache, or from `decode`, which verifies the token.
    async fn caller(
        &self,
        digest: &str,
        decode: impl AsyncFnOnce() -> Result<Signed<Claims>, Problem>,
    ) -> Result<Caller, Problem> {
        let now = self.clock.now();
        if let Some(caller) = self.cache.caller(digest, now) {
            return Ok(caller);
        }
        let Signed { exp, rest: claims, .. } = decode().await?;
        let caller = claims.caller()?;
        self.cache.insert(
            digest.into(),
            &caller,
            Time::from_unix_ms(exp.saturating_mul(1000)),
            now,
        );
        Ok(caller)
    }

    fn decode_shared<T: serde::de::DeserializeOwned + Clone>(
        &self,
        secret: &Secret,
        token: &str,
        audience: &str,
    ) -> Result<Signed<T>, Problem> {
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        decode_signed(token, &key, Algorithm::HS256, audience, self.clock.now())
    }
}

impl Services {
    async fn verify(&self, token: &str) -> Result<Caller, Problem> {
        let account = self.tokens.verify(token).await?;
        if self.accounts.contains(&account.email) {
            return Ok(Caller {
                subject: account.email,
                business: None,
                role: CallerRole::Service,
            });
        }
        let detail = format!("the account `{}` may not call this function", account.email);
        Err(Problem::new(StatusCode::FORBIDDEN, "foreign_account", detail))
    }
}

/// Verifies a token's signature, audience, expiry and not-before times, by our own clock.
fn decode_signed<T: serde::de::DeserializeOwned + Clone>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    audience: &str,
    now: Time,
) -> Result<Signed<T>, Problem> {
    // Only the key's own algorithm is accepted, never the token's choice: this excludes `alg: none`
    // and confusing a public key with a shared secret.
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    // Times are checked below against our own clock.
    validation.validate_exp = false;
    let token = decode::<Signed<T>>(token, key, &validation).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        let is = |kind: ErrorKind| *error.kind() == kind;
        if is(ErrorKind::InvalidAudience) {
            unauthenticated(format!("the token is not for audience `{audience}`"))
        } else if is(ErrorKind::InvalidSignature) {
            unauthenticated("the token's signature is wrong")
        } else if is(ErrorKind::InvalidAlgorithm) {
            unauthenticated("the token's algorithm is not accepted")
        } else {
            unauthenticated("the token is not a valid JWT with sub, exp and aud")
        }
    })?;
    if token.claims.exp < now.plus_seconds(-SKEW_SECONDS).unix_seconds() {
        return Err(unauthenticated("the token has expired: get a new one"));
    }
    if token.claims.nbf.is_some_and(|nbf| nbf > now.plus_seconds(SKEW_SECONDS).unix_seconds()) {
        return Err(unauthenticated("the token is not valid yet"));
    }
    Ok(token.claims)
}

/// The claims that every token has, with those of its kind flattened in.
#[derive(Clone, Serialize, Deserialize)]
struct Signed<T> {
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    aud: serde_json::Value,
    #[serde(flatten)]
    rest: T,
}

#[cfg(test)]
mod tests;
