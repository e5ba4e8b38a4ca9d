//! An in-memory document store with a database-wide version counter.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use ports::{
    Document, Documents, Key, Precondition, Query, StoreError, Version, Write,
    documents::{Batch, Body, Change, Fields, MAX_DOCUMENT_BYTES, check_commit, check_query},
};
use tokio::sync::watch;

use super::{
    faults::{Access, Fault, Faults},
    matching,
};

/// An in-memory [`Documents`] with faults that the test chooses.
pub struct MemoryDocuments {
    state: Arc<Mutex<State>>,
    faults: Mutex<Faults>,
    /// The version counter after each commit; watchers wait on it.
    changed: watch::Sender<Version>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<Key, (Version, Body)>,
    counter: i64,
    commits: usize,
}

impl Default for MemoryDocuments {
    fn default() -> Self {
        let changed = watch::Sender::new(Version(0));
        Self { state: Arc::default(), faults: Mutex::default(), changed }
    }
}

impl MemoryDocuments {
    /// An empty store without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails the `nth` commit from now; 1 is the next.
    pub fn fail_commit(&self, nth: usize, fault: Fault) {
        self.faults.lock().unwrap().on_commit(nth, fault);
    }

    /// Fails the `nth` read (get or query) from now; 1 is the next.
    pub fn fail_read(&self, nth: usize, fault: Fault) {
        self.faults.lock().unwrap().on_read(nth, fault);
    }

    /// Calls `decide` for every access without a queued fault; replaces the earlier rule.
    pub fn fail_when(&self, decide: impl FnMut(Access<'_>) -> Option<Fault> + Send + 'static) {
        self.faults.lock().unwrap().when(Box::new(decide));
    }

    /// Removes all queued faults and the rule.
    pub fn heal(&self) {
        *self.faults.lock().unwrap() = Faults::default();
    }

    /// The number of commits that took effect.
    pub fn commits(&self) -> usize {
        self.state().commits
    }

    /// All documents, ordered by key, for comparison before and after.
    pub fn all(&self) -> Vec<Document> {
        self.state().documents.iter().map(document).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits for a slow access and returns the remaining fault.
    async fn fault(&self, access: Access<'_>) -> Option<Fault> {
        let fault = self.faults.lock().unwrap().next(access);
        if let Some(Fault::Slow(delay)) = fault {
            tokio::time::sleep(delay).await;
            return None;
        }
        fault
    }

    async fn readable(&self, access: Access<'_>) -> Result<(), StoreError> {
        self.fault(access).await.map_or(Ok(()), |_| Err(injected()))
    }
}

fn injected() -> StoreError {
    StoreError::Unavailable("injected".into())
}

fn document((key, (version, body)): (&Key, &(Version, Body))) -> Document {
    Document { key: key.clone(), version: *version, body: body.clone() }
}

impl State {
    fn matching(&self, query: &Query) -> Vec<Document> {
        // The documents of a collection are adjacent.
        let first = Key::new(&query.collection, "");
        let collection =
            self.documents.range(first..).take_while(|(key, _)| key.collection == query.collection);
        collection.map(document).filter(|document| matching::matches(query, document)).collect()
    }

    fn commit(&mut self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        check_commit(&writes)?;
        let version = Version(self.counter + 1);
        let count = writes.len();
        let mut documents = Vec::with_capacity(count);
        for write in writes {
            let changed = self.changed(&write)?;
            documents.push((write.key, changed));
        }
        for (key, changed) in documents {
            match changed {
                Some(body) => self.documents.insert(key, (version, body)),
                None => self.documents.remove(&key),
            };
        }
        self.counter = version.0;
        self.commits += 1;
        Ok(vec![version; count])
    }

    /// The document's fields after a write; `None` if it deletes the document.
    fn changed(&self, write: &Write) -> Result<Option<Body>, StoreError> {
        let current = self.documents.get(&write.key);
        let holds = match write.precondition {
            Precondition::Absent => current.is_none(),
            Precondition::Exists => current.is_some(),
            Precondition::Version(expected) => {
                current.is_some_and(|(version, _)| *version == expected)
            }
        };
        if !holds {
            return Err(StoreError::Conflict(write.key.clone()));
        }
        let current = || current.map(|(_, body)| Fields::clone(body)).unwrap_or_default();
        let body = match &write.change {
            Change::Replace(body) => body.clone(),
            Change::Delete => return Ok(None),
            Change::Merge { set, increments, remove } => {
                merged(&write.key, current(), set, increments, remove)?.into()
            }
        };
        Ok(Some(body))
    }
}

fn merged(
    key: &Key,
    mut body: Fields,
    set: &Fields,
    increments: &BTreeMap<String, i64>,
    remove: &[String],
) -> Result<Fields, StoreError> {
    body.extend(set.clone());
    for (field, by) in increments {
        let current = body.get(field).map_or(Some(0), serde_json::Value::as_i64);
        let Some(sum) = current.and_then(|current| current.checked_add(*by)) else {
            return Err(StoreError::invalid(
                key,
                format!("`{field}` cannot be incremented by {by}"),
            ));
        };
        body.insert(field.clone(), sum.into());
    }
    body.retain(|field, _| !remove.contains(field));
    let bytes = serde_json::to_string(&body).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_DOCUMENT_BYTES {
        let reason =
            format!("the merged document has {bytes} bytes; the limit is {MAX_DOCUMENT_BYTES}");
        return Err(StoreError::invalid(key, reason));
    }
    Ok(body)
}

#[async_trait]
impl Documents for MemoryDocuments {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.readable(Access::Get(keys)).await?;
        let state = self.state();
        Ok(keys.iter().map(|key| state.documents.get_key_value(key).map(document)).collect())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        let fault = self.fault(Access::Commit(&writes)).await;
        match (fault, writes.first()) {
            (Some(Fault::Conflict), Some(write)) => {
                return Err(StoreError::Conflict(write.key.clone()));
            }
            (Some(Fault::UnavailableBefore), _) => return Err(injected()),
            (Some(Fault::Invalid), _) => {
                return Err(StoreError::invalid(&Key::new("store", "commit"), "injected".into()));
            }
            _ => {}
        }
        let versions = {
            let mut state = self.state();
            let versions = state.commit(writes)?;
            self.changed.send_replace(Version(state.counter));
            versions
        };
        if fault == Some(Fault::UnavailableAfter) { Err(injected()) } else { Ok(versions) }
    }

    async fn query(&self, query: &Query) -> Result<Vec<Document>, StoreError> {
        self.readable(Access::Query(query)).await?;
        check_query(query)?;
        let matching = self.state().matching(query);
        Ok(matching::page(query, matching))
    }

    fn watch(&self, query: Query) -> BoxStream<'static, Batch> {
        let watcher = Watcher {
            state: self.state.clone(),
            changed: self.changed.subscribe(),
            query,
            seen: None,
        };
        stream::try_unfold(watcher, |mut watcher| async {
            Ok(Some((watcher.next().await?, watcher)))
        })
        .boxed()
    }
}

struct Watcher {
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<Version>,
    query: Query,
    /// The version up to which all changes were delivered; `None` before the first batch.
    seen: Option<Version>,
}

impl Watcher {
    async fn next(&mut self) -> Batch {
        while let Some(seen) = self.seen {
            if self.changed.changed().await.is_err() {
                return Err(StoreError::Unavailable("the store was closed".into()));
            }
            let written = self.written_after(seen);
            if !written.is_empty() {
                return Ok(written);
            }
        }
        check_query(&self.query)?;
        Ok(self.first())
    }

    fn first(&mut self) -> Vec<Document> {
        let state = self.state.lock().unwrap();
        self.seen = Some(Version(state.counter));
        matching::page(&self.query, state.matching(&self.query))
    }

    fn written_after(&mut self, seen: Version) -> Vec<Document> {
        let state = self.state.lock().unwrap();
        self.seen = Some(Version(state.counter));
        state.matching(&self.query).into_iter().filter(|document| document.version > seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn create(id: &str) -> Vec<Write> {
        vec![Write::create(Key::new("c", id), &json!({})).unwrap()]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_contract() {
        crate::contract::documents::all(async || Arc::new(MemoryDocuments::new())).await;
    }

    #[tokio::test]
    async fn queued_faults_apply_to_commits_in_order() {
        let store = MemoryDocuments::new();
        store.fail_commit(2, Fault::UnavailableAfter);
        store.fail_commit(3, Fault::UnavailableBefore);
        store.fail_commit(4, Fault::Conflict);
        store.fail_commit(5, Fault::Slow(Duration::from_millis(1)));
        let mut taken = Vec::new();
        for id in ["a", "b", "c", "d", "e"] {
            taken.push(store.commit(create(id)).await.is_ok());
        }
        let ids: Vec<_> = store.all().into_iter().map(|document| document.key.id).collect();
        assert_eq!((taken, ids.join("")), (vec![true, false, false, false, true], "abe".into()));
    }

    #[tokio::test]
    async fn a_rule_decides_about_every_access_until_healed() {
        let store = MemoryDocuments::new();
        store.fail_when(|access| {
            matches!(access, Access::Get(_)).then_some(Fault::UnavailableBefore)
        });
        store.commit(create("a")).await.unwrap();
        assert!(store.get(&[Key::new("c", "a")]).await.is_err());
        assert!(store.query(&Query::collection("c")).await.is_ok());
        store.heal();
        store.fail_read(1, Fault::UnavailableBefore);
        assert!(store.query(&Query::collection("c")).await.is_err());
        assert!(store.get(&[Key::new("c", "a")]).await.is_ok());
    }
}
