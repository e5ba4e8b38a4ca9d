//! The token cache: clients' tokens that were verified lately, because most requests bring a token
//! that an earlier request brought too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Time;
use lru::LruCache;

use super::Caller;

/// How long a token is accepted without verifying its signature again. A key that its issuer
/// withdraws is accepted for this much longer.
const CACHE_SECONDS: i64 = 60;
/// The most tokens in the cache; beyond it the least recently used one is evicted.
const CAPACITY: usize = 1_000;

/// Callers by the digest of their token and of the key that verified it: no token can be read from
/// the cache, and none outlives a change of the shared secret.
pub(super) struct TokenCache(Mutex<LruCache<String, Entry>>);

struct Entry {
    caller: Caller,
    since: Time,
    until: Time,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl TokenCache {
    fn lock(&self) -> MutexGuard<'_, LruCache<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller of a token, if the token was verified lately.
    pub(super) fn caller(&self, digest: &str, now: Time) -> Option<Caller> {
        let mut entries = self.lock();
        let entry = entries.get(digest)?;
        ((entry.since..entry.until).contains(&now)).then(|| entry.caller.clone())
    }

    /// Adds a token that was verified now and expires at `expiry`.
    pub(super) fn insert(&self, digest: String, caller: &Caller, expiry: Time, now: Time) {
        let until = now.plus_seconds(CACHE_SECONDS).min(expiry);
        let mut entries = self.lock();
        entries.put(digest, Entry { caller: caller.clone(), since: now, until });
        if entries.len() > CAPACITY {
            entries.pop_lru();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CallerRole;

    fn at(seconds: i64) -> Time {
        Time::from_unix_ms(seconds * 1000)
    }

    fn caller(subject: &str) -> Caller {
        Caller { subject: subject.into(), business: None, role: CallerRole::Member }
    }

    #[test]
    fn tokens_are_cached_until_expiry_or_one_minute() {
        let cache = TokenCache::default();
        cache.insert("long".into(), &caller("ada"), at(10_000), at(100));
        cache.insert("short".into(), &caller("bob"), at(110), at(100));
        let subject =
            |digest: &str, now| cache.caller(digest, at(now)).map(|caller| caller.subject);
        assert_eq!((subject("long", 159).as_deref(), subject("long", 160)), (Some("ada"), None));
        assert_eq!((subject("short", 109).as_deref(), subject("short", 110)), (Some("bob"), None));
        assert_eq!((subject("long", 99), subject("another", 100)), (None, None));
    }

    #[test]
    fn the_least_recently_used_token_is_evicted() {
        let cache = TokenCache::default();
        cache.insert("used".into(), &caller("ada"), at(100), at(0));
        for number in 0..2 * CAPACITY {
            cache.insert(number.to_string(), &caller("bob"), at(100), at(0));
            assert!(cache.caller("used", at(1)).is_some());
        }
        assert_eq!(cache.lock().len(), CAPACITY);
    }
}
