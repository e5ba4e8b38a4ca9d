//! Firestore documents: conditional commits under `updateTime`, queries, and listening.
//!
//! The generated gRPC client is used as it is: the port speaks of preconditions, transforms and
//! versions, which are Firestore's own words, and every further layer would have to be talked out
//! of retrying a commit.

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

/// How long a read or a commit may take before its outcome counts as unknown.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A read is asked for this often: an idle connection that was cut is noticed only by using it.
const READ_TRIES: u32 = 3;

/// Where the database is.
#[derive(Clone, Debug)]
pub struct FirestoreTarget {
    /// Google Cloud project.
    pub project: String,
    /// Database id, such as `(default)`.
    pub database: String,
    /// `host:port` of an emulator instead of Google.
    pub emulator: Option<String>,
}

/// Documents in one Firestore database.
pub struct Firestore {
    connection: Connection,
}

impl Firestore {
    /// A store that connects at its first use. `credentials` are not asked for on an emulator.
    pub fn new(
        target: FirestoreTarget,
        credentials: Option<Credentials>,
    ) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::new(target, credentials)? })
    }

    /// Reads documents by their full names; with `mask` only these fields come.
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

    /// Which write's condition does not hold: a failed commit does not say.
    async fn culprit(&self, writes: &[Write]) -> StoreError {
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        if let [only] = keys.as_slice() {
            return StoreError::Conflict(only.clone());
        }
        // An empty mask brings names and versions alone.
        let seen = match self.read(&keys, Some(DocumentMask::default())).await {
            Ok(seen) => seen,
            Err(error) => return error,
        };
        let failing =
            writes.iter().find(|write| !commit::holds(write, seen.get(&write.key.to_string())));
        // All may hold by now: somebody changed one and changed it back, or the commits only
        // crossed.
        failing.or(writes.first()).map_or_else(
            || StoreError::Unavailable("an empty commit failed".into()),
            |write| StoreError::Conflict(write.key.clone()),
        )
    }

    /// Refuses merges that Firestore would carry out in its own way: it replaces a text by its
    /// increment, stops at the largest integer, and lets documents grow past the port's limit.
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
        // Sent once: an error may hide a success, and only the caller can tell its own write when
        // it reads it back.
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

/// A precondition that did not hold, or commits that crossed.
fn is_conflict(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::AlreadyExists | Code::NotFound | Code::FailedPrecondition | Code::Aborted
    )
}

/// What an error of the service means to the caller.
fn failure(key: &Key, status: &Status) -> StoreError {
    if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) {
        return StoreError::invalid(key, status.message().into());
    }
    StoreError::Unavailable(format!("{:?}: {}", status.code(), status.message()))
}
