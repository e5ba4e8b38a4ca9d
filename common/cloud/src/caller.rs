//! Who may call: clients by their JWT, other functions, the scheduler and Pub/Sub by Google-signed
//! tokens.

use std::sync::Arc;

use ports::{Clock, SecretSource};
use service::{
    Auth, Env, GooglePush, PushVerifier, StartError,
    auth::{GoogleTokens, Jwks, Keys},
};

/// Verifies clients' tokens, and those of the service accounts in `CALLER_SERVICE_ACCOUNTS`.
pub(crate) fn auth(
    env: &Env,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
) -> Result<Auth, StartError> {
    let keys = env.optional("AUTH_JWKS_URL").map_or(Keys::Shared, |url| Keys::Jwks(Jwks::new(url)));
    let audience = env.optional("AUTH_AUDIENCE").unwrap_or("raptorflow");
    let auth = Auth::new(keys, secrets, audience, clock.clone());
    let accounts = env.list("CALLER_SERVICE_ACCOUNTS");
    if accounts.is_empty() {
        return Ok(auth);
    }
    Ok(auth.with_services(Arc::new(google(env, clock)?), accounts))
}

/// Verifies Pub/Sub's deliveries, for functions with a `PUSH_SERVICE_ACCOUNT`.
pub(crate) fn push(
    env: &Env,
    clock: Arc<dyn Clock>,
) -> Result<Option<Arc<dyn PushVerifier>>, StartError> {
    let Some(account) = env.optional("PUSH_SERVICE_ACCOUNT") else { return Ok(None) };
    let tokens = Arc::new(google(env, clock)?);
    Ok(Some(Arc::new(GooglePush { tokens, account: account.into() })))
}

fn google(env: &Env, clock: Arc<dyn Clock>) -> Result<GoogleTokens, StartError> {
    let keys = Jwks::new(env.optional("GOOGLE_JWKS_URL").unwrap_or(GoogleTokens::KEYS));
    Ok(GoogleTokens::new(keys, env.required("PUSH_AUDIENCE")?, clock))
}
