//! Documents as they were last committed, in memory: counters, subscriptions and open calls are
//! read far more often than a thread can be sent to the file for.
//!
//! Every commit of the file passes through this process, so the cache is told of each before its
//! caller is. It knows absence as well. A page of a query always comes from the file.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use ports::{Document, Key};

/// What is kept in all, by the documents' texts and [`OVERHEAD`]; in memory they take more.
const MOST_BYTES: usize = 512 * 1024;
/// Entries kept, those that wait for a reading included.
const MOST_ENTRIES: usize = MOST_BYTES / OVERHEAD;
/// A larger document is read from the file each time.
const LARGEST: usize = 64 * 1024;
/// What an entry takes beside its document's text.
const OVERHEAD: usize = 256;

/// The state of a document, or that there is none.
#[derive(Clone)]
pub(super) struct Known {
    document: Option<Document>,
    bytes: usize,
}

impl Known {
    pub(super) fn new(document: Option<Document>, bytes: usize) -> Self {
        Self { document, bytes: bytes + OVERHEAD }
    }
}

enum Entry {
    Known(Known),
    /// Somebody reads it from the file; a commit in the meantime makes what is read outdated.
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

/// A reading of the file whose result the cache waits for.
pub(super) struct Reading(u64);

impl Cache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Documents that are all known, as of one moment; otherwise they are to be read, all of them,
    /// from the file.
    pub(super) fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Reading> {
        let mut state = self.lock();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            match state.entries.get(key) {
                Some(Entry::Known(known)) => found.push(known.document.clone()),
                Some(Entry::Awaited(_)) | None => break,
            }
        }
        if found.len() == keys.len() {
            return Ok(found);
        }
        state.readings += 1;
        let reading = state.readings;
        for key in keys {
            if !matches!(state.entries.peek(key), Some(Entry::Known(_))) {
                state.entries.put(key.clone(), Entry::Awaited(reading));
            }
        }
        state.shrink();
        Err(Reading(reading))
    }

    /// Keeps what was read, except where a commit came in between.
    pub(super) fn fill(&self, reading: &Reading, read: impl IntoIterator<Item = (Key, Known)>) {
        let mut state = self.lock();
        for (key, known) in read {
            if matches!(state.entries.peek(&key), Some(Entry::Awaited(awaited)) if *awaited == reading.0)
            {
                state.put(key, known);
            }
        }
    }

    /// Learns what a commit has made of its documents.
    pub(super) fn learn(&self, committed: impl IntoIterator<Item = (Key, Known)>) {
        let mut state = self.lock();
        for (key, known) in committed {
            state.put(key, known);
        }
    }

    /// Forgets documents of which only the file knows what became of them.
    pub(super) fn forget<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) {
        let mut state = self.lock();
        for key in keys {
            state.pop(key);
        }
    }
}

impl State {
    fn pop(&mut self, key: &Key) {
        if let Some(Entry::Known(known)) = self.entries.pop(key) {
            self.bytes -= known.bytes;
        }
    }

    fn put(&mut self, key: Key, known: Known) {
        self.pop(&key);
        if known.bytes > LARGEST {
            return;
        }
        self.bytes += known.bytes;
        self.entries.put(key, Entry::Known(known));
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.bytes > MOST_BYTES || self.entries.len() > MOST_ENTRIES {
            match self.entries.pop_lru() {
                Some((_, Entry::Known(oldest))) => self.bytes -= oldest.bytes,
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

    fn known(id: &str, version: i64, bytes: usize) -> (Key, Known) {
        let document = Document { key: key(id), version: Version(version), body: Body::default() };
        (key(id), Known::new(Some(document), bytes))
    }

    fn version(cache: &Cache, id: &str) -> Option<i64> {
        cache.get(&[key(id)]).ok()?.pop()?.map(|document| document.version.0)
    }

    #[test]
    fn an_earlier_read_does_not_overwrite_the_cache() {
        let cache = Cache::default();
        let Err(reading) = cache.get(&[key("a"), key("b")]) else { panic!("nothing is known yet") };
        cache.learn([known("a", 2, 10)]);
        cache.fill(&reading, [known("a", 1, 10), known("b", 1, 10)]);
        assert_eq!((version(&cache, "a"), version(&cache, "b")), (Some(2), Some(1)));
    }

    #[test]
    fn an_unknown_commit_outcome_evicts_its_documents() {
        let cache = Cache::default();
        cache.learn([known("a", 1, 10)]);
        cache.forget([&key("a")]);
        assert!(cache.get(&[key("a")]).is_err());
        // A reading that began before it is outdated as well.
        let Err(reading) = cache.get(&[key("a")]) else { panic!("it was forgotten") };
        cache.forget([&key("a")]);
        cache.fill(&reading, [known("a", 1, 10)]);
        assert!(cache.get(&[key("a")]).is_err());
    }

    #[test]
    fn memory_is_bounded_and_recently_used_documents_stay() {
        let cache = Cache::default();
        cache.learn([known("used", 1, 10), known("large", 1, LARGEST + 1)]);
        for id in 0..1_000 {
            cache.learn([known(&id.to_string(), 1, LARGEST / 2)]);
            assert!(version(&cache, "used").is_some());
        }
        assert!(cache.lock().bytes <= MOST_BYTES);
        assert!(version(&cache, "0").is_none() && version(&cache, "large").is_none());
    }
}
