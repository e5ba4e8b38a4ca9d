//! Who calls: bearer tokens of clients and of other functions, and single-task tickets for browsers' sockets.

mod caller;
mod jwks;
mod tickets;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use domain::{BusinessId, Time};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header};
use ports::{Clock, Secret};
use serde::{Deserialize, Serialize};

use crate::{Problem, request::header};

pub use caller::{Caller, CallerRole};
pub use jwks::Jwks;

/// Clocks of issuers and ours may differ by this much.
const SKEW_SECONDS: u64 = 2;

/// How client tokens are verified.
pub enum Keys {
    /// HS256 with a shared secret.
    Secret(Secret),
    /// Asymmetric keys of an issuer.
    Jwks(Jwks),
}

/// Verifies tokens; signs tickets, and on a laptop also tokens.
pub struct Auth {
    keys: Keys,
    signing: Secret,
    audience: String,
    clock: Arc<dyn Clock>,
}

/// Claims as Supabase Auth issues them: business and role at the top or under `app_metadata`.
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
    /// `signing` signs tickets (and local tokens); `keys` verify clients' tokens for `audience`.
    pub fn new(keys: Keys, signing: Secret, audience: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, signing, audience: audience.into(), clock }
    }

    /// Signs a client token, as the local runner does for its development token and for calls between its functions.
    pub fn sign(&self, subject: &str, business: Option<&BusinessId>, role: CallerRole, seconds: i64) -> String {
        let claims = Claims {
            sub: subject.into(),
            business_id: business.cloned(),
            role: Some(role.as_str().into()),
            app_metadata: None,
        };
        self.encode(&self.audience, seconds, claims)
    }

    fn encode<T: Serialize>(&self, audience: &str, seconds: i64, rest: T) -> String {
        let exp = self.clock.now().plus_seconds(seconds).unix_seconds();
        let claims = Signed { exp, aud: audience.into(), rest };
        let key = EncodingKey::from_secret(self.signing.expose().as_bytes());
        // HS256 over claims of strings and numbers cannot fail; an empty token would be refused everywhere.
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default()
    }

    /// Verifies a client token.
    pub async fn verify(&self, token: &str) -> Result<Caller, Problem> {
        let claims: Claims = match &self.keys {
            Keys::Secret(secret) => self.decode_shared(token, secret, &self.audience)?,
            Keys::Jwks(jwks) => {
                let header = decode_header(token).map_err(|_| unauthenticated("the token is not a JWT"))?;
                let (key, algorithm) = jwks.key(header.kid.as_deref(), header.alg).await?;
                self.decode(token, &key, algorithm, &self.audience)?
            }
        };
        let metadata = claims.app_metadata.unwrap_or(Metadata { business_id: None, role: None });
        let role = claims.role.as_deref().and_then(CallerRole::of);
        let role = role.or_else(|| metadata.role.as_deref().and_then(CallerRole::of)).unwrap_or(CallerRole::Member);
        let business = claims.business_id.or(metadata.business_id);
        if business.is_none() && role == CallerRole::Member {
            return Err(unauthenticated("the token names no business_id"));
        }
        Ok(Caller { subject: claims.sub, business, role })
    }

    fn decode_shared<T: serde::de::DeserializeOwned + Clone>(
        &self,
        token: &str,
        secret: &Secret,
        audience: &str,
    ) -> Result<T, Problem> {
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        self.decode(token, &key, Algorithm::HS256, audience)
    }

    fn decode<T: serde::de::DeserializeOwned + Clone>(
        &self,
        token: &str,
        key: &DecodingKey,
        algorithm: Algorithm,
        audience: &str,
    ) -> Result<T, Problem> {
        // Only the key's own algorithm is accepted, never the one the token asks for: no `alg: none`, no confusion.
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Expiry is checked below, by our own clock.
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
        let now: Time = self.clock.now().plus_seconds(-i64::try_from(SKEW_SECONDS).unwrap_or(0));
        if token.claims.exp < now.unix_seconds() {
            return Err(unauthenticated("the token has expired: get a new one"));
        }
        Ok(token.claims.rest)
    }
}

/// The claims every token has, around those of its kind.
#[derive(Clone, Serialize, Deserialize)]
struct Signed<T> {
    exp: i64,
    aud: serde_json::Value,
    #[serde(flatten)]
    rest: T,
}

#[cfg(test)]
mod tests;
