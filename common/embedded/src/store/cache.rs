//! A cache of documents as last committed: counters, subscriptions and open calls are read too
//! often to send each read to a thread for the file.
//!
//! Every commit goes through this process and updates the cache before its caller gets the answer.
//! The cache also holds the absence of documents. Pages of queries always come from the file.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use ports::{Document, Key};

/// The most bytes in the cache, counted as the documents' text plus [`OVERHEAD`] each; the actual
/// memory is larger.
const MOST_BYTES: usize = 512 * 1024;
/// The most entries, including those that wait for a read.
const MOST_ENTRIES: usize = MOST_BYTES / OVERHEAD;
/// Larger documents are not cached; the limit is in bytes.
const LARGEST: usize = 64 * 1024;
/// Bytes that an entry is counted with beside its document's text.
const OVERHEAD: usize = 256;

/// A cached document, or the fact that there is none.
#[derive(Clone)]
pub(super) struct Cached {
    document: Option<Document>,
    bytes: usize,
}

impl Cached {
    pub(super) fn new(document: Option<Document>, bytes: usize) -> Self {
        Self { document, bytes: bytes + OVERHEAD }
    }
}

enum Entry {
    Cached(Cached),
    /// The read with this number is in progress; a commit in the meantime makes its result
    /// outdated.
    Awaited(u64),
}

#[derive(Default)]
pub(super) struct Cache(Mutex<State>);

struct State {
    entries: LruCache<Key, Entry>,
    bytes: usize,
    readings: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, readings: 0 }
    }
}

/// The number of a read of the file whose result the cache waits for.
pub(super) struct Reading(u64);

impl Cache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The documents of all keys, as of one moment, if all are cached; otherwise all must be read
    /// from the file.
    pub(super) fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Reading> {
        let mut state = self.lock();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            match state.entries.get(key) {
                Some(Entry::Cached(cached)) => found.push(cached.document.clone()),
                Some(Entry::Awaited(_)) | None => break,
            }
        }
        if found.len() == keys.len() {
            return Ok(found);
        }
        state.readings += 1;
        let reading = state.readings;
        for key in keys {
            if !matches!(state.entries.peek(key), Some(Entry::Cached(_))) {
                state.entries.put(key.clone(), Entry::Awaited(reading));
            }
        }
        state.shrink();
        Err(Reading(reading))
    }

    /// Adds what was read, except where a commit came in between.
    pub(super) fn fill(&self, reading: &Reading, read: impl IntoIterator<Item = (Key, Cached)>) {
        let mut state = self.lock();
        for (key, cached) in read {
            if matches!(state.entries.peek(&key), Some(Entry::Awaited(awaited)) if *awaited == reading.0)
            {
                state.put(key, cached);
            }
        }
    }

    /// Replaces documents with their state after a commit.
    pub(super) fn update(&self, committed: impl IntoIterator<Item = (Key, Cached)>) {
        let mut state = self.lock();
        for (key, cached) in committed {
            state.put(key, cached);
        }
    }

    /// Removes documents whose state only the file knows.
    pub(super) fn forget<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) {
        let mut state = self.lock();
        for key in keys {
            state.pop(key);
        }
    }
}

impl State {
    fn pop(&mut self, key: &Key) {
        if let Some(Entry::Cached(cached)) = self.entries.pop(key) {
            self.bytes -= cached.bytes;
        }
    }

    fn put(&mut self, key: Key, cached: Cached) {
        self.pop(&key);
        if cached.bytes > LARGEST {
            return;
        }
        self.bytes += cached.bytes;
        self.entries.put(key, Entry::Cached(cached));
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.bytes > MOST_BYTES || self.entries.len() > MOST_ENTRIES {
            match self.entries.pop_lru() {
                Some((_, Entry::Cached(oldest))) => self.bytes -= oldest.bytes,
                Some((_, Entry::Awaited(_))) => {}
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ports::{Version, documents::Body};

    use super::*;

    fn key(id: &str) -> Key {
        Key::new("c", id)
    }

    fn cached(id: &str, version: i64, bytes: usize) -> (Key, Cached) {
        let document = Document { key: key(id), version: Version(version), body: Body::default() };
        (key(id), Cached::new(Some(document), bytes))
    }

    fn version(cache: &Cache, id: &str) -> Option<i64> {
        cache.get(&[key(id)]).ok()?.pop()?.map(|document| document.version.0)
    }

    #[test]
    fn an_earlier_read_does_not_overwrite_the_cache() {
        let cache = Cache::default();
        let Err(reading) = cache.get(&[key("a"), key("b")]) else {
            panic!("nothing is cached yet")
        };
        cache.update([cached("a", 2, 10)]);
        cache.fill(&reading, [cached("a", 1, 10), cached("b", 1, 10)]);
        assert_eq!((version(&cache, "a"), version(&cache, "b")), (Some(2), Some(1)));
    }

    #[test]
    fn an_unknown_commit_outcome_evicts_its_documents() {
        let cache = Cache::default();
        cache.update([cached("a", 1, 10)]);
        cache.forget([&key("a")]);
        assert!(cache.get(&[key("a")]).is_err());
        // A read that began before is outdated as well.
        let Err(reading) = cache.get(&[key("a")]) else { panic!("it was forgotten") };
        cache.forget([&key("a")]);
        cache.fill(&reading, [cached("a", 1, 10)]);
        assert!(cache.get(&[key("a")]).is_err());
    }

    #[test]
    fn memory_is_bounded_and_recently_used_documents_stay() {
        let cache = Cache::default();
        cache.update([cached("used", 1, 10), cached("large", 1, LARGEST + 1)]);
        for id in 0..1_000 {
            cache.update([cached(&id.to_string(), 1, LARGEST / 2)]);
            assert!(version(&cache, "used").is_some());
        }
        assert!(cache.lock().bytes <= MOST_BYTES);
        assert!(version(&cache, "0").is_none() && version(&cache, "large").is_none());
    }
}
