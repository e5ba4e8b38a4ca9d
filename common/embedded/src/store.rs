//! Documents in one SQLite file.
//!
//! One thread owns the only writing connection and commits all waiting jobs in one transaction, so
//! that many commits share one fsync. Readers have their own connections: in WAL mode they see a
//! consistent state and never wait for the writer.

mod cache;
mod change;
mod columns;
mod connection;
mod error;
mod query;
mod readers;
mod watch;
mod writer;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use futures::stream::BoxStream;
use ports::{
    Document, Documents, Key, Query, StoreError, Version, Write,
    documents::{Batch, check_commit},
};
use rusqlite::Connection;

use cache::{Cache, Cached};
use change::Applied;
pub use connection::OpenError;
pub(crate) use error::unavailable;
use readers::Readers;
use watch::{Changes, watch};
use writer::Writer;

/// The most expired documents deleted in one transaction, so that other commits do not wait long.
const MOST_EXPIRED: usize = 1_000;

/// The database in a directory; clones share it.
///
/// Watchers see commits of this process only, so only one process at a time should use a directory.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    cache: Arc<Cache>,
    changes: Arc<Changes>,
}

impl Store {
    /// Opens `raptorflow.db` in `dir` and creates both if they are missing.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let path = connection::prepare(dir)?;
        Ok(Self {
            writer: Arc::new(Writer::start(connection::writing(&path)?)?),
            readers: Arc::new(Readers::new(path)),
            cache: Arc::default(),
            changes: Arc::default(),
        })
    }

    pub async fn expire(&self, now: &str) -> Result<usize, StoreError> {
        let (now, cache) = (now.to_owned(), self.cache.clone());
        let delete =
            move |connection: &Connection| change::delete_expired(connection, &now, MOST_EXPIRED);
        let ended = move |deleted: Vec<Key>, _| {
            cache.forget(&deleted);
            deleted.len()
        };
        self.writer.submit(delete, ended).await
    }

    /// Runs `work` in the next transaction and returns once that is on disk; an error rolls back
    /// `work` alone.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit(work, |value, _| value).await
    }

    /// Runs `work` on a consistent state of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(work).await
    }
}

#[async_trait]
impl Documents for Store {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        let reading = match self.cache.get(keys) {
            Ok(found) => return Ok(found),
            Err(reading) => reading,
        };
        let (keys, cache) = (keys.to_vec(), self.cache.clone());
        self.read(move |connection| {
            let mut found = Vec::with_capacity(keys.len());
            let mut read = Vec::with_capacity(keys.len());
            for key in keys {
                let (document, bytes) = query::one(connection, &key)?.unzip();
                read.push((key, Cached::new(document.clone(), bytes.unwrap_or(0))));
                found.push(document);
            }
            cache.fill(&reading, read);
            Ok(found)
        })
        .await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        check_commit(&writes)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let (changes, cache, count) = (self.changes.clone(), self.cache.clone(), writes.len());
        let decide = move |connection: &Connection| change::decide(connection, writes);
        let ended = move |Applied { version, documents }, is_durable| {
            let touched: BTreeSet<String> =
                documents.iter().map(|(key, _)| key.collection.clone()).collect();
            if is_durable {
                cache.update(documents);
                changes.announce(&touched);
            } else {
                cache.forget(documents.iter().map(|(key, _)| key));
            }
            version
        };
        let version = self.writer.submit_decided(decide, change::apply, ended).await?;
        Ok(vec![version; count])
    }

    async fn query(&self, query: &Query) -> Result<Vec<Document>, StoreError> {
        let query = query.clone();
        self.read(move |connection| query::page(connection, &query)).await
    }

    fn watch(&self, query: Query) -> BoxStream<'static, Batch> {
        watch(self.readers.clone(), &self.changes, query)
    }
}

#[cfg(test)]
mod tests;
