//! Firestore documents: commits conditional on `updateTime`, queries, and listening.
//!
//! The generated gRPC client is used directly: preconditions, transforms and versions of the port
//! are Firestore's own concepts, and a higher-level client would have to be kept from retrying
//! commits.

mod commit;
mod connection;
mod listen;
pub(crate) mod query;
pub(crate) mod value;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use gcloud_sdk::google::firestore::v1::{
    BatchGetDocumentsRequest, CommitRequest, DocumentMask, batch_get_documents_response,
};
use ports::{
    Document, Documents, Key, Query, StoreError, Version, Write,
    documents::{Batch, Change, check_commit},
};
use tonic::{Code, Status};

use crate::Credentials;
pub(crate) use connection::Connection;

/// Timeout of a read or a commit, after which its outcome counts as unknown.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts of a read: an idle connection that was cut is only noticed when it is used.
const READ_TRIES: u32 = 3;

/// The address of the database.
#[derive(Clone, Debug)]
pub struct FirestoreTarget {
    /// The Google Cloud project.
    pub project: String,
    /// The database id, such as `(default)`.
    pub database: String,
    /// The `host:port` of an emulator to use instead of Google.
    pub emulator: Option<String>,
}

/// Documents in one Firestore database.
pub struct Firestore {
    connection: Connection,
}

impl Firestore {
    /// A store that connects at first use. `credentials` are not used on an emulator.
    pub fn new(
        target: FirestoreTarget,
        credentials: Option<Credentials>,
    ) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::new(target, credentials)? })
    }

    /// Reads documents by their full names; with `mask` only these fields are returned.
    async fn read(
        &self,
        keys: &[Key],
        mask: Option<DocumentMask>,
    ) -> Result<HashMap<String, Document>, StoreError> {
        let names: Vec<String> = keys.iter().map(|key| self.connection.name(key)).collect();
        let request = BatchGetDocumentsRequest {
            database: self.connection.database(),
            documents: names,
            mask,
            ..BatchGetDocumentsRequest::default()
        };
        self.connection
            .read(|mut client| {
                let request = request.clone();
                async move {
                    let mut answers = client.batch_get_documents(request).await?.into_inner();
                    let mut found = HashMap::new();
                    while let Some(answer) = answers.message().await? {
                        if let Some(batch_get_documents_response::Result::Found(document)) =
                            answer.result
                        {
                            let document = self.connection.document(document)?;
                            found.insert(document.key.to_string(), document);
                        }
                    }
                    Ok(found)
                }
            })
            .await
    }

    /// The write whose precondition does not hold; the error of a failed commit does not name it.
    async fn culprit(&self, writes: &[Write]) -> StoreError {
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        if let [only] = keys.as_slice() {
            return StoreError::Conflict(only.clone());
        }
        // An empty mask returns only names and versions.
        let seen = match self.read(&keys, Some(DocumentMask::default())).await {
            Ok(seen) => seen,
            Err(error) => return error,
        };
        let failing =
            writes.iter().find(|write| !commit::holds(write, seen.get(&write.key.to_string())));
        // All preconditions may hold by now: a document was changed and changed back, or two
        // commits collided.
        failing.or(writes.first()).map_or_else(
            || StoreError::Unavailable("an empty commit failed".into()),
            |write| StoreError::Conflict(write.key.clone()),
        )
    }

    /// Refuses merges that Firestore executes differently from the port: it replaces a text field
    /// by the increment, saturates at the largest integer, and lets documents exceed the port's
    /// size limit.
    async fn check_merges(&self, writes: &[Write]) -> Result<(), StoreError> {
        let is_merge = |write: &&Write| matches!(write.change, Change::Merge { .. });
        let merges: Vec<&Write> = writes.iter().filter(is_merge).collect();
        if merges.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = merges.iter().map(|write| write.key.clone()).collect();
        let stored = self.read(&keys, None).await?;
        merges
            .iter()
            .try_for_each(|write| commit::check_merge(write, stored.get(&write.key.to_string())))
    }
}

#[async_trait]
impl Documents for Firestore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.read(keys, None).await?;
        Ok(keys.iter().map(|key| found.get(&key.to_string()).cloned()).collect())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        check_commit(&writes)?;
        self.check_merges(&writes).await?;
        let request = CommitRequest {
            database: self.connection.database(),
            writes: writes
                .iter()
                .map(|write| commit::encode(&self.connection, write))
                .collect::<Result<_, _>>()?,
            ..CommitRequest::default()
        };
        // Sent once: an error may hide a success, and only the caller can recognise its own write
        // when it reads the document back.
        match self.connection.once(|mut client| async move { client.commit(request).await }).await {
            Ok(answer) => commit::versions(&writes, answer.into_inner()),
            Err(status) if is_conflict(&status) => Err(self.culprit(&writes).await),
            Err(status) => Err(failure(&writes[0].key, &status)),
        }
    }

    async fn query(&self, query: &Query) -> Result<Vec<Document>, StoreError> {
        self.connection.query(&query::encode(&self.connection, query)?).await
    }

    fn watch(&self, query: Query) -> BoxStream<'static, Batch> {
        listen::watch(self.connection.clone(), query).boxed()
    }
}

/// A failed precondition, or a collision of commits.
fn is_conflict(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::AlreadyExists | Code::NotFound | Code::FailedPrecondition | Code::Aborted
    )
}

/// Maps an error of the service to one of the port.
fn failure(key: &Key, status: &Status) -> StoreError {
    if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) {
        return StoreError::invalid(key, status.message().into());
    }
    StoreError::Unavailable(format!("{:?}: {}", status.code(), status.message()))
}
