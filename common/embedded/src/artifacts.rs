//! Large artefacts as files named by the hash of their content.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use ports::{ArtifactStore, Key, StoreError};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

/// A directory of files named by the SHA-256 of their content, which is also their reference.
#[derive(Clone, Debug)]
pub struct FileArtifacts {
    dir: Arc<Path>,
}

impl FileArtifacts {
    /// Uses `dir`, and creates it if it is missing.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        Ok(Self { dir: dir.into() })
    }
}

#[async_trait]
impl ArtifactStore for FileArtifacts {
    async fn put(&self, content: &str) -> Result<String, StoreError> {
        let (dir, content) = (self.dir.clone(), content.to_owned());
        blocking(move || {
            let reference = sha256(&content);
            write(&dir, &reference, &content).map_err(|error| failed(&error))?;
            Ok(reference)
        })
        .await
    }

    async fn get(&self, reference: &str) -> Result<String, StoreError> {
        let (dir, reference) = (self.dir.clone(), reference.to_owned());
        blocking(move || read(&dir, &reference)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let work = spawn_blocking(work).await;
    work.map_err(|error| {
        StoreError::Unavailable(format!("an artefact access was cut short: {error}"))
    })?
}

/// Writes a file atomically: under a temporary name, synced, then renamed. The directory is synced
/// too, because a power failure could otherwise lose the name.
fn write(dir: &Path, reference: &str, content: &str) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(dir.join(reference))?;
    File::open(dir)?.sync_all()
}

fn read(dir: &Path, reference: &str) -> Result<String, StoreError> {
    let invalid =
        |reason: &str| StoreError::invalid(&Key::new("artifacts", reference), reason.into());
    // Checked first, because a reference must not address a file outside the directory.
    if reference.len() != 64 || !reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("a reference is a SHA-256 in hexadecimal"));
    }
    let content = match fs::read_to_string(dir.join(reference)) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(invalid("there is no such artefact"));
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(invalid("the artefact is damaged"));
        }
        Err(error) => return Err(failed(&error)),
    };
    if sha256(&content) == reference {
        Ok(content)
    } else {
        Err(invalid("the artefact is damaged"))
    }
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("the artefact directory cannot be used: {error}"))
}

fn sha256(content: &str) -> String {
    Sha256::digest(content).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        testkit::contract::artifacts::all(async || {
            Arc::new(FileArtifacts::open(dir.path()).unwrap())
        })
        .await;
    }

    #[tokio::test]
    async fn storing_again_repairs_a_damaged_file() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = FileArtifacts::open(dir.path()).unwrap();
        let reference = artifacts.put("report").await.unwrap();
        for damage in [b"Report".as_slice(), b"", b"\xff\xfe"] {
            fs::write(dir.path().join(&reference), damage).unwrap();
            let error = artifacts.get(&reference).await.unwrap_err();
            assert!(error.to_string().contains("damaged"), "{error}");
        }
        artifacts.put("report").await.unwrap();
        assert_eq!(artifacts.get(&reference).await.as_deref(), Ok("report"));
    }
}
