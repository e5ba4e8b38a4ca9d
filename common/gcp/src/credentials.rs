//! The identity of this process at Google: the account of its Cloud Run service, or none on an
//! emulator.

use std::sync::Arc;

use async_trait::async_trait;

use google_cloud_auth::credentials::{
    AccessTokenCredentials, Builder, Credentials as GoogleCredentials, anonymous, idtoken,
};
use ports::{Secret, SecretError, TokenSource};

/// Why no credentials are available.
#[derive(Debug, Clone, thiserror::Error)]
#[error("Google credentials: {0}")]
pub struct CredentialsError(String);

impl CredentialsError {
    pub(crate) fn new(error: &impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Application default credentials. Tokens are fetched at first use, cached, and renewed before
/// they expire; `GCE_METADATA_HOST` overrides the address of the metadata server.
#[derive(Clone)]
pub struct Credentials(Option<Arc<AccessTokenCredentials>>);

impl Credentials {
    /// The credentials of the process's environment; nothing is fetched yet.
    pub fn application_default() -> Result<Self, CredentialsError> {
        let credentials = Builder::default().build_access_token_credentials();
        credentials
            .map(|credentials| Self(Some(Arc::new(credentials))))
            .map_err(|error| CredentialsError::new(&error))
    }

    /// No credentials, for self-hosted servers that need no token.
    pub fn anonymous() -> Self {
        Self(None)
    }

    /// Credentials from a metadata server at this address.
    #[cfg(test)]
    pub(crate) fn of_metadata_server(url: &str) -> Self {
        let builder = google_cloud_auth::credentials::mds::Builder::default().with_endpoint(url);
        Self(Some(Arc::new(builder.build_access_token_credentials().unwrap())))
    }

    /// An access token for Google's APIs.
    pub(crate) async fn access_token(&self) -> Result<String, CredentialsError> {
        let Some(credentials) = &self.0 else { return Ok(String::new()) };
        let token =
            credentials.access_token().await.map_err(|error| CredentialsError::new(&error))?;
        Ok(token.token)
    }

    /// The credentials in the form that Google's client libraries take.
    pub(crate) fn google(&self) -> GoogleCredentials {
        match &self.0 {
            Some(credentials) => GoogleCredentials::from(credentials.as_ref().clone()),
            None => nobody(),
        }
    }
}

#[async_trait]
impl TokenSource for Credentials {
    async fn token(&self) -> Result<Secret, SecretError> {
        let token = self.access_token().await;
        token.map(Secret::new).map_err(|error| SecretError::Unavailable(error.to_string()))
    }
}

/// Anonymous credentials, for emulators.
pub(crate) fn nobody() -> GoogleCredentials {
    anonymous::Builder::new().build()
}

/// Issues ID tokens for one audience, with which functions authenticate to each other.
pub(crate) fn id_tokens(audience: &str) -> Result<idtoken::IDTokenCredentials, CredentialsError> {
    idtoken::Builder::new(audience)
        .with_include_email()
        .build()
        .map_err(|error| CredentialsError::new(&error))
}
