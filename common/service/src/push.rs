//! Pub/Sub push deliveries: who may push, and how the envelope is read.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Extension,
    body::Bytes,
    extract::{FromRequest, FromRequestParts as _, Request},
    http::StatusCode,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Problem,
    auth::{GoogleTokens, bearer},
    json, trace,
};

#[async_trait]
pub trait PushVerifier: Send + Sync {
    /// Accepts or refuses a token.
    async fn verify(&self, token: &str) -> Result<(), Problem>;
}

/// Push deliveries of Pub/Sub: Google-signed tokens of one service account.
pub struct GooglePush {
    /// Verifies the tokens.
    pub tokens: Arc<GoogleTokens>,
    /// The e-mail of the account that pushes.
    pub account: String,
}

#[async_trait]
impl PushVerifier for GooglePush {
    async fn verify(&self, token: &str) -> Result<(), Problem> {
        let account = self.tokens.verify(token).await?;
        if account.email == self.account {
            return Ok(());
        }
        let detail = format!("the account `{}` may not push", account.email);
        Err(Problem::new(StatusCode::FORBIDDEN, "push_only", detail))
    }
}

/// The payload of an authenticated delivery.
#[derive(Clone, Debug)]
pub struct Push<T>(pub T);

#[derive(Deserialize)]
struct Envelope {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    data: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    traceparent: Option<String>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Push<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let verifier =
            Extension::<Arc<dyn PushVerifier>>::from_request_parts(&mut parts, state).await;
        let Extension(verifier) =
            verifier.map_err(|_| Problem::internal("no push verifier is configured"))?;
        verifier.verify(bearer(&parts.headers)?).await?;
        let body = Bytes::from_request(Request::from_parts(parts, body), state).await;
        let body = body.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "unreadable_body", "the body was cut off")
        })?;
        let envelope: Envelope = json::parse(&body)?;
        trace::adopt(envelope.message.attributes.traceparent.as_deref());
        let data = STANDARD.decode(&envelope.message.data);
        let data =
            data.map_err(|_| Problem::invalid_field("message.data", "message.data is not base64"))?;
        json::parse(&data).map(Self)
    }
}
