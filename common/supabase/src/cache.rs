//! What is known about each business, with one question in flight a business and a bounded number
//! of them.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{BusinessId, Time};
use lru::LruCache;
use ports::{StoreError, Subscription};

/// What is known about one business.
#[derive(Default)]
pub(crate) struct Known {
    /// The last answer, and when it was asked for.
    pub(crate) answer: Option<(Option<Subscription>, Time)>,
    /// Why the last question failed, and when; cleared by an answer.
    pub(crate) failure: Option<(StoreError, Time)>,
}

/// Locked by whoever asks, so that everybody else waits for the same answer.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Known>>;

/// The businesses that were asked for last.
pub(crate) struct Cache {
    most: usize,
    slots: Mutex<LruCache<BusinessId, Slot>>,
}

impl Cache {
    /// Keeps at most `most` businesses.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, slots: Mutex::new(LruCache::unbounded()) }
    }

    /// The place of a business; the one unused for longest makes room for a new one.
    pub(crate) fn slot(&self, business: &BusinessId) -> Slot {
        // Nothing in here panics half-way, so a poisoned lock still guards whole data.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get_or_insert_ref(business, Slot::default).clone();
        if slots.len() > self.most {
            slots.pop_lru();
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_business_unused_for_longest_makes_room() {
        let cache = Cache::new(2);
        let business = |id: &str| BusinessId::new(id).unwrap();
        let (a, b) = (cache.slot(&business("a")), cache.slot(&business("b")));
        assert!(Arc::ptr_eq(&a, &cache.slot(&business("a"))));
        cache.slot(&business("c"));
        assert!(Arc::ptr_eq(&a, &cache.slot(&business("a"))), "used after b");
        assert!(!Arc::ptr_eq(&b, &cache.slot(&business("b"))), "made room for c");
    }
}
