//! Texts of any size inside documents: small ones inline, large ones in the artefact store.

use ports::{ArtifactStore, StoreError};
use serde::{Deserialize, Serialize};

/// Texts up to this many bytes stay in their document.
const INLINE_BYTES: usize = 200 * 1024;

/// A stored text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The text itself.
    Inline(String),
    /// Its reference in the artefact store.
    Reference(String),
}

impl Payload {
    /// Stores a text; a large one is in the artefact store when this returns.
    pub async fn store(artifacts: &dyn ArtifactStore, text: String) -> Result<Self, StoreError> {
        if text.len() > INLINE_BYTES {
            Ok(Self::Reference(artifacts.put(&text).await?))
        } else {
            Ok(Self::Inline(text))
        }
    }

    /// Reads the text back.
    pub async fn load(&self, artifacts: &dyn ArtifactStore) -> Result<String, StoreError> {
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::Reference(reference) => artifacts.get(reference).await,
        }
    }
}
