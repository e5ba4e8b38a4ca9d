//! Google-signed OIDC tokens, as Pub/Sub, Scheduler and our own functions send them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::decode_header;
use ports::Clock;
use serde::{Deserialize, Serialize};

use super::{Jwks, decode_signed, unauthenticated};
use crate::Problem;

/// The two spellings of Google's issuer claim.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Verifies tokens that Google signed for one audience.
pub struct GoogleTokens {
    keys: Jwks,
    audience: String,
    clock: Arc<dyn Clock>,
}

/// The service account that a token belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GoogleAccount {
    /// The account's e-mail address, verified by Google.
    pub email: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
}

impl GoogleTokens {
    /// Where Google publishes its keys.
    pub const KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

    /// Accepts tokens for `audience`, signed with one of `keys`.
    pub fn new(keys: Jwks, audience: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, audience: audience.into(), clock }
    }

    /// Verifies a token: signature, audience, times, issuer, and that Google vouches for the
    /// e-mail.
    pub async fn verify(&self, token: &str) -> Result<GoogleAccount, Problem> {
        let header = decode_header(token).map_err(|_| unauthenticated("the token is not a JWT"))?;
        let (key, algorithm) = self.keys.key(header.kid.as_deref(), header.alg).await?;
        let claims: Claims =
            decode_signed(token, &key, algorithm, &self.audience, self.clock.now())?.rest;
        if !ISSUERS.contains(&claims.iss.as_str()) {
            return Err(unauthenticated("the token was not issued by Google"));
        }
        let email = claims.email.filter(|_| claims.email_verified);
        let email = email.ok_or_else(|| unauthenticated("the token names no verified e-mail"))?;
        Ok(GoogleAccount { email })
    }
}

/// Whether a token claims Google as its issuer. It only selects the keys to verify it with.
pub(super) fn is_claimed(token: &str) -> bool {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    let issuer = payload.and_then(|payload| serde_json::from_slice::<Issuer>(&payload).ok());
    issuer.is_some_and(|issuer| ISSUERS.contains(&issuer.iss.as_str()))
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}
