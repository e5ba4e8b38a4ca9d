//! The documents as one instance reaches them: slow, unavailable, in conflict, or with a commit's
//! answer lost.

mod broken;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::{StreamExt as _, stream, stream::BoxStream};
use ports::{Document, Documents, Key, Query, StoreError, Version, Write, documents::Batch};
use testkit::MemoryDocuments;
use tokio::sync::mpsc;

use broken::Memory;

use crate::instance::Instance;

/// The store that all instances share.
#[derive(Default)]
pub(crate) struct Store {
    documents: MemoryDocuments,
    watchers: Mutex<Vec<Watcher>>,
}

struct Watcher {
    key: Key,
    news: mpsc::UnboundedSender<Document>,
}

impl Store {
    /// Commits, notifies the watchers, and returns the new documents.
    pub(crate) async fn commit(
        &self,
        writes: Vec<Write>,
    ) -> Result<(Vec<Version>, Vec<Document>), StoreError> {
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        let versions = self.documents.commit(writes).await?;
        let documents: Vec<Document> =
            self.documents.get(&keys).await?.into_iter().flatten().collect();
        let mut watchers = self.watchers();
        watchers.retain(|watcher| {
            let changed = documents.iter().find(|document| document.key == watcher.key);
            changed.is_none_or(|document| watcher.news.send(document.clone()).is_ok())
        });
        Ok((versions, documents))
    }

    pub(crate) async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.documents.get(keys).await
    }

    /// Every document of a collection.
    pub(crate) fn all(&self, collection: &str) -> Vec<Document> {
        self.documents
            .all()
            .into_iter()
            .filter(|document| document.key.collection == collection)
            .collect()
    }

    /// Watches one document: the watcher gets its changes in the order of their commits.
    fn watch(&self, key: Key) -> mpsc::UnboundedReceiver<Document> {
        let (news, changes) = mpsc::unbounded_channel();
        self.watchers().push(Watcher { key, news });
        changes
    }

    fn watchers(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store's port of one instance.
#[derive(Clone)]
pub(crate) struct StorePort {
    instance: Arc<Instance>,
    /// The instance's memory, which some mutants use.
    memory: Arc<Mutex<Memory>>,
}

fn away() -> StoreError {
    StoreError::Unavailable("the simulated store is away".into())
}

impl StorePort {
    pub(crate) fn new(instance: Arc<Instance>) -> Self {
        Self { instance, memory: Arc::default() }
    }

    async fn readable(&self) -> Result<(), StoreError> {
        self.instance.pass("a read").await;
        let world = &self.instance.world;
        if world.dice.happens(world.faults().away) { Err(away()) } else { Ok(()) }
    }

    /// Lets a commit take effect, and checks the invariants.
    async fn take_effect(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        let world = &self.instance.world;
        let keys =
            || writes.iter().map(|write| write.key.to_string()).collect::<Vec<_>>().join(" ");
        let told = world.trace.is_kept().then(keys).unwrap_or_default();
        match world.store.commit(writes).await {
            Ok((versions, documents)) => {
                self.instance.note(|| format!("commits {told}{}", states(&documents)));
                world.oracle().committed(&documents);
                self.remember(&documents);
                Ok(versions)
            }
            Err(error) => {
                self.instance.note(|| format!("cannot commit {told}: {error}"));
                Err(error)
            }
        }
    }
}

/// The states of tasks and calls, for the trace.
fn states(documents: &[Document]) -> String {
    let state = |document: &Document| {
        let field = |name: &str| document.body.get(name).map(ToString::to_string);
        match document.key.collection.as_str() {
            "tasks" => Some(format!(
                "; {} {}, fence {}, seq {}, {} %",
                field("phase")?,
                field("status")?,
                field("fence")?,
                field("phase_seq")?,
                field("percent")?
            )),
            "calls" => Some(format!(
                "; call {}, held {}, charged {}",
                field("state")?,
                field("hold")?,
                field("charged")?
            )),
            "grants" => Some(format!(
                "; grant {}, held {}, spent {}",
                field("state")?,
                field("reserved")?,
                field("spent")?
            )),
            "spend" => Some(format!(
                "; {} spent {}, reserved {}",
                document.key.id,
                field("spent")?,
                field("reserved")?
            )),
            _ => None,
        }
    };
    documents.iter().filter_map(state).collect()
}

#[async_trait]
impl Documents for StorePort {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.readable().await?;
        let found = self.instance.world.store.get(keys).await?;
        let seen = found.into_iter().map(|document| document.map(|it| self.seen(it))).collect();
        self.instance.pass("what was read").await;
        Ok(seen)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.instance.pass("a commit").await;
        let world = self.instance.world.clone();
        let faults = world.faults();
        if world.dice.happens(faults.away) {
            return Err(away());
        }
        if let Some(write) = writes.first().filter(|_| world.dice.happens(faults.conflict)) {
            return Err(StoreError::Conflict(write.key.clone()));
        }
        let is_lost = world.dice.happens(faults.lost_commit);
        let writes = self.weakened(writes, is_lost).await?;
        let committed = self.take_effect(writes).await;
        self.instance.pass("a commit's answer").await;
        if is_lost { committed.and(Err(away())) } else { committed }
    }

    async fn query(&self, query: &Query) -> Result<Vec<Document>, StoreError> {
        self.readable().await?;
        let found = self.instance.world.store.documents.query(query).await;
        self.instance.pass("a page").await;
        found
    }

    /// The simulated functions only watch single documents.
    fn watch(&self, query: Query) -> BoxStream<'static, Batch> {
        let key = Key::new(query.collection, query.id.unwrap_or_default());
        let changes = self.instance.world.store.watch(key.clone());
        let watching = Watching { port: self.clone(), first: Some(key), changes, is_broken: false };
        stream::unfold(watching, async |mut watching| {
            watching.next().await.map(|batch| (batch, watching))
        })
        .boxed()
    }
}

/// A document that an instance watches.
struct Watching {
    port: StorePort,
    /// The document to read before the first change.
    first: Option<Key>,
    changes: mpsc::UnboundedReceiver<Document>,
    is_broken: bool,
}

impl Watching {
    async fn next(&mut self) -> Option<Batch> {
        if self.is_broken {
            return None;
        }
        let batch = match self.first.take() {
            Some(key) => {
                self.port.get(&[key]).await.map(|found| found.into_iter().flatten().collect())
            }
            None => self.change().await?,
        };
        self.is_broken = batch.is_err();
        Some(batch)
    }

    async fn change(&mut self) -> Option<Batch> {
        let changed = self.changes.recv().await?;
        let instance = &self.port.instance;
        instance.pass("a change").await;
        let is_broken = instance.world.dice.happens(instance.world.faults().broken_watch);
        Some(if is_broken { Err(away()) } else { Ok(vec![self.port.seen(changed)]) })
    }
}
