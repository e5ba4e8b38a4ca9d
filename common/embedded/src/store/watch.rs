//! Watches a query: waits for a commit to the collection, then reads what it wrote.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use ports::{Query, StoreError, Version, documents::Batch};
use tokio::sync::watch::{Receiver, Sender};

use super::{query, readers::Readers};

/// The watchers of each collection.
#[derive(Default)]
pub(super) struct Changes(Mutex<HashMap<String, Sender<()>>>);

impl Changes {
    /// Wakes the watchers of these collections; called when their commit can be read.
    pub(super) fn announce(&self, collections: &BTreeSet<String>) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for collection in collections {
            if watched.get(collection).is_some_and(|watchers| watchers.send(()).is_err()) {
                watched.remove(collection);
            }
        }
    }

    fn subscribe(&self, collection: &str) -> Receiver<()> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.entry(collection.into()).or_insert_with(|| Sender::new(())).subscribe()
    }
}

/// Follows a query. The subscription starts before the first read, so a commit in between is at
/// worst read twice.
pub(super) fn watch(
    readers: Arc<Readers>,
    changes: &Changes,
    query: Query,
) -> BoxStream<'static, Batch> {
    let notices = changes.subscribe(&query.collection);
    let watcher = Watcher { readers, notices, query: Arc::new(query), seen: None };
    stream::try_unfold(watcher, |mut watcher| async { Ok(Some((watcher.next().await?, watcher))) })
        .boxed()
}

struct Watcher {
    readers: Arc<Readers>,
    notices: Receiver<()>,
    query: Arc<Query>,
    /// The version up to which all changes were delivered; `None` before the first batch.
    seen: Option<Version>,
}

impl Watcher {
    async fn next(&mut self) -> Batch {
        while let Some(seen) = self.seen {
            if self.notices.changed().await.is_err() {
                return Err(StoreError::Unavailable("the store was closed".into()));
            }
            let written = self
                .read(move |connection, query| query::written_after(connection, query, seen))
                .await?;
            if !written.is_empty() {
                return Ok(written);
            }
        }
        self.read(query::page).await
    }

    /// Reads documents together with the version of the state they were read from.
    async fn read(
        &mut self,
        select: impl FnOnce(&rusqlite::Connection, &Query) -> Batch + Send + 'static,
    ) -> Batch {
        let query = self.query.clone();
        let reading = self.readers.read(move |connection| {
            let documents = select(connection, &query)?;
            Ok((query::latest(connection)?, documents))
        });
        let (seen, documents) = reading.await?;
        self.seen = Some(seen);
        Ok(documents)
    }
}
