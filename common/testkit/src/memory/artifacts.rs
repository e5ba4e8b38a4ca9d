//! An in-memory artefact store.

use std::{collections::HashMap, fmt::Write, sync::Mutex};

use async_trait::async_trait;
use ports::{ArtifactStore, Key, StoreError};
use sha2::{Digest, Sha256};

/// Stores artefacts by their SHA-256.
#[derive(Debug, Default)]
pub struct MemoryArtifacts(Mutex<HashMap<String, String>>);

impl MemoryArtifacts {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of different artefacts stored.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[async_trait]
impl ArtifactStore for MemoryArtifacts {
    async fn put(&self, content: &str) -> Result<String, StoreError> {
        let mut reference = String::with_capacity(64);
        for byte in Sha256::digest(content) {
            write!(reference, "{byte:02x}").unwrap();
        }
        self.0.lock().unwrap().insert(reference.clone(), content.into());
        Ok(reference)
    }

    async fn get(&self, reference: &str) -> Result<String, StoreError> {
        let gone = || {
            StoreError::invalid(
                &Key::new("artifacts", reference),
                "there is no such artefact".into(),
            )
        };
        self.0.lock().unwrap().get(reference).cloned().ok_or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        crate::contract::artifacts::all(async || Arc::new(MemoryArtifacts::new())).await;
    }
}
