//! Large artefacts in a Cloud Storage bucket, named by the hash of their content.

use std::{fmt::Write as _, time::Duration};

use async_trait::async_trait;
use google_cloud_storage::client::Storage;
use ports::{ArtifactStore, Key, StoreError};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::{Credentials, credentials};

const TIMEOUT: Duration = Duration::from_secs(30);
/// Uploads up to this many bytes take one request: all artefacts are smaller, and a resumable
/// upload costs one more round trip.
const ONE_REQUEST: usize = 64 * 1024 * 1024;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 412;

/// Artefacts in one bucket.
pub struct CloudStorage {
    bucket: String,
    emulator: Option<String>,
    credentials: Option<Credentials>,
    client: OnceCell<Storage>,
}

impl CloudStorage {
    /// A store that connects at first use; `emulator` is the `host:port` of an emulator to use
    /// instead of Google.
    pub fn new(bucket: &str, emulator: Option<String>, credentials: Option<Credentials>) -> Self {
        Self {
            bucket: format!("projects/_/buckets/{bucket}"),
            emulator,
            credentials,
            client: OnceCell::new(),
        }
    }

    async fn client(&self) -> Result<&Storage, StoreError> {
        let connect = || async {
            let builder = Storage::builder().with_resumable_upload_threshold(ONE_REQUEST);
            let builder = match (&self.emulator, &self.credentials) {
                (Some(host), _) => builder
                    .with_endpoint(format!("http://{host}"))
                    .with_credentials(credentials::nobody()),
                (None, Some(credentials)) => builder.with_credentials(credentials.google()),
                (None, None) => builder,
            };
            builder.build().await.map_err(|error| unavailable(&error))
        };
        self.client.get_or_try_init(connect).await
    }

    async fn read(&self, reference: &str) -> Result<Vec<u8>, StoreError> {
        let client = self.client().await?;
        let lost = |error: google_cloud_storage::Error| match error.http_status_code() {
            Some(NOT_FOUND) => invalid(reference, "there is no such artefact"),
            _ => unavailable(&error),
        };
        let mut answer = client.read_object(&self.bucket, reference).send().await.map_err(lost)?;
        let mut content = Vec::new();
        while let Some(part) = answer.next().await {
            content.extend_from_slice(&part.map_err(|error| unavailable(&error))?);
        }
        Ok(content)
    }
}

#[async_trait]
impl ArtifactStore for CloudStorage {
    async fn put(&self, content: &str) -> Result<String, StoreError> {
        let reference = hash(content);
        let body = bytes::Bytes::copy_from_slice(content.as_bytes());
        let upload = self
            .client()
            .await?
            .write_object(&self.bucket, &reference, body)
            .set_if_generation_match(0);
        let upload = upload.set_content_type("application/json; charset=utf-8");
        match tokio::time::timeout(TIMEOUT, Box::pin(upload.send_buffered())).await {
            Ok(Ok(_)) => Ok(reference),
            // The object exists already, and its name is the hash of the same content.
            Ok(Err(error)) if error.http_status_code() == Some(PRECONDITION_FAILED) => {
                Ok(reference)
            }
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {TIMEOUT:?}"))),
        }
    }

    async fn get(&self, reference: &str) -> Result<String, StoreError> {
        if reference.len() != 64 || !reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid(reference, "this is no artefact's reference"));
        }
        let read = tokio::time::timeout(TIMEOUT, self.read(reference)).await;
        let content =
            read.map_err(|_| StoreError::Unavailable(format!("no answer within {TIMEOUT:?}")))??;
        let content = String::from_utf8(content)
            .map_err(|_| invalid(reference, "the artefact is not text"))?;
        if hash(&content) == reference {
            Ok(content)
        } else {
            Err(invalid(reference, "the artefact does not match its hash"))
        }
    }
}

fn hash(content: &str) -> String {
    Sha256::digest(content.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unavailable(error: &impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn invalid(reference: &str, reason: &str) -> StoreError {
    StoreError::invalid(&Key::new("artifacts", reference), reason.into())
}
