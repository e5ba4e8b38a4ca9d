//! Clients' tokens that were verified a short while ago: most requests come with one that another
//! came with just before.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Time;
use lru::LruCache;

use super::Caller;

/// How long a token is believed without another look at its signature: a key that its issuer
/// withdraws is believed for this much longer.
const BELIEVED_SECONDS: i64 = 60;
/// Tokens that are remembered; of more, those that were used last.
const MOST: usize = 1_000;

/// By the digest of the token and of what verified it, so that no token can be read here, and none
/// outlives a change of the shared secret.
pub(super) struct Known(Mutex<LruCache<String, Believed>>);

struct Believed {
    caller: Caller,
    since: Time,
    until: Time,
}

impl Default for Known {
    fn default() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, LruCache<String, Believed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose token this is, if that was found out lately.
    pub(super) fn caller(&self, digest: &str, now: Time) -> Option<Caller> {
        let mut known = self.lock();
        let believed = known.get(digest)?;
        ((believed.since..believed.until).contains(&now)).then(|| believed.caller.clone())
    }

    /// Remembers a token that was verified now and expires at `expiry`.
    pub(super) fn note(&self, digest: String, caller: &Caller, expiry: Time, now: Time) {
        let until = now.plus_seconds(BELIEVED_SECONDS).min(expiry);
        let mut known = self.lock();
        known.put(digest, Believed { caller: caller.clone(), since: now, until });
        if known.len() > MOST {
            known.pop_lru();
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
        let known = Known::default();
        known.note("long".into(), &caller("ada"), at(10_000), at(100));
        known.note("short".into(), &caller("bob"), at(110), at(100));
        let subject =
            |digest: &str, now| known.caller(digest, at(now)).map(|caller| caller.subject);
        assert_eq!((subject("long", 159).as_deref(), subject("long", 160)), (Some("ada"), None));
        assert_eq!((subject("short", 109).as_deref(), subject("short", 110)), (Some("bob"), None));
        assert_eq!((subject("long", 99), subject("another", 100)), (None, None));
    }

    #[test]
    fn the_least_recently_used_token_is_evicted() {
        let known = Known::default();
        known.note("used".into(), &caller("ada"), at(100), at(0));
        for number in 0..2 * MOST {
            known.note(number.to_string(), &caller("bob"), at(100), at(0));
            assert!(known.caller("used", at(1)).is_some());
        }
        assert_eq!(known.lock().len(), MOST);
    }
}
