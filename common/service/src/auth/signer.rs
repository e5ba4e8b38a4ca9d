//! Signs tickets, and tokens where this process is its own issuer.

use std::sync::Arc;

use domain::{BusinessId, Time};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ports::{Clock, Secret};
use serde::Serialize;

use super::{CallerRole, Claims, Signed};

/// Signs client tokens, as the local runner does for its development token and for calls between
/// its functions.
#[derive(Clone)]
pub struct Signer {
    secret: Secret,
    audience: String,
    clock: Arc<dyn Clock>,
}

impl Signer {
    /// The least length of an HS256 secret in characters: a shorter one can be guessed offline from
    /// any token.
    pub const LEAST_SECRET: usize = 32;

    /// Signs for `audience` with a secret of at least [`Signer::LEAST_SECRET`] characters.
    pub fn new(secret: Secret, audience: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { secret, audience: audience.into(), clock }
    }

    /// A token that expires after this many seconds.
    pub fn sign(
        &self,
        subject: &str,
        business: Option<&BusinessId>,
        role: CallerRole,
        seconds: i64,
    ) -> String {
        let claims = Claims {
            sub: subject.into(),
            business_id: business.cloned(),
            role: Some(role.as_str().into()),
            app_metadata: None,
        };
        encode(&self.secret, &self.audience, self.clock.now().plus_seconds(seconds), claims)
    }
}

/// Signs claims that expire at `until`.
pub(super) fn encode<T: Serialize>(
    secret: &Secret,
    audience: &str,
    until: Time,
    rest: T,
) -> String {
    let claims = Signed { exp: until.unix_seconds(), nbf: None, aud: audience.into(), rest };
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    // HS256 over claims of strings and numbers cannot fail; an empty token would be refused by
    // every function.
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default()
}
