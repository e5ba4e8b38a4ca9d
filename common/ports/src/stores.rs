//! Large artefacts, secrets and subscriptions.

use std::fmt;

use async_trait::async_trait;
use domain::{BusinessId, tier::Tier};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Payloads too large for a document, kept by content.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Stores `content` under its SHA-256 and returns the reference that reads it back. Storing it
    /// again is harmless.
    async fn put(&self, content: &str) -> Result<String, StoreError>;

    /// Reads a stored payload; [`StoreError::Invalid`] when it is gone or does not match its hash.
    async fn get(&self, reference: &str) -> Result<String, StoreError>;
}

/// A value that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret could not be read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// There is no secret of this name, or no right to read it.
    #[error("the secret `{0}` is not set")]
    NotFound(String),
    /// The secret service cannot be reached.
    #[error("the secret service is unavailable: {0}")]
    Unavailable(String),
}

/// Named secrets: `openai_api_key`, `gemini_api_key`, `jwt_secret`, `supabase_url`, `supabase_key`.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Reads the current value of a secret.
    async fn secret(&self, name: &str) -> Result<Secret, SecretError>;
}

/// Says to a cloud's own services who this process is.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// An OAuth access token that is valid for at least the next request.
    async fn token(&self) -> Result<Secret, SecretError>;
}

/// Whether a business may start new work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// A paid subscription.
    Active,
    /// A trial subscription.
    Trial,
    /// New work is refused.
    Suspended,
}

/// What a business has bought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// Limits and model classes.
    pub tier: Tier,
    /// Whether new work is allowed.
    pub status: SubscriptionStatus,
}

/// Who is subscribed to what.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// The business's subscription; `None` when it has none.
    async fn subscription(&self, business: &BusinessId)
    -> Result<Option<Subscription>, StoreError>;
}
