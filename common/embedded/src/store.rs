//! Documents in one SQLite file.
//!
//! One thread owns the only writing connection and commits whatever waits in one transaction, so that many commits
//! share one fsync. Readers have connections of their own: in WAL mode they see a consistent state and wait for nobody.

mod change;
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

pub use connection::OpenError;
pub(crate) use error::unavailable;
use readers::Readers;
use watch::{Changes, watch};
use writer::Writer;

/// The database in a directory; clones share it.
///
/// Watchers are told about commits of this process only: one process at a time should use a directory.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    changes: Arc<Changes>,
}

impl Store {
    /// Opens `raptorflow.db` in `dir`, creating both when they are missing.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let path = connection::prepare(dir)?;
        Ok(Self {
            writer: Arc::new(Writer::start(connection::writing(&path)?)?),
            readers: Arc::new(Readers::new(path)),
            changes: Arc::default(),
        })
    }

    /// Runs `work` in the next transaction and returns once that is on disk; an error undoes `work` alone.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit(work, || {}).await
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
        let keys = keys.to_vec();
        self.read(move |connection| keys.iter().map(|key| query::one(connection, key)).collect()).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        check_commit(&writes)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let changes = self.changes.clone();
        let touched: BTreeSet<String> = writes.iter().map(|write| write.key.collection.clone()).collect();
        let apply = move |connection: &Connection| change::apply(connection, &writes);
        self.writer.submit(apply, move || changes.announce(&touched)).await
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
