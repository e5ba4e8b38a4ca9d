//! Optimistic commits: decide again after losing a race, with jitter, a bounded number of times.
//!
//! Jitter comes from `fastrand`, whose source belongs to the thread and can be seeded: a simulation
//! replays it.

use std::time::Duration;

use domain::backoff::{self, Backoff};
use ports::StoreError;

/// How often a commit that met a conflict is decided again.
const CONFLICTS: u32 = 40;
/// How often a store that does not answer is asked again.
const OUTAGES: u32 = 4;
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(4), longest: Duration::from_millis(100) };

/// Counts what went wrong so far, and waits before the next try.
#[derive(Default)]
pub struct Retry {
    conflicts: u32,
    outages: u32,
}

impl Retry {
    /// Waits and returns, or gives the error back once it happened too often. Because an error
    /// after a commit may hide a success, the caller reads its documents again and recognises its
    /// own write before deciding anew.
    pub async fn after(&mut self, error: StoreError) -> Result<(), StoreError> {
        let (count, most) = match error {
            StoreError::Conflict(_) => (&mut self.conflicts, CONFLICTS),
            StoreError::Unavailable(_) => (&mut self.outages, OUTAGES),
            StoreError::Invalid { .. } => return Err(error),
        };
        *count += 1;
        if *count > most {
            return Err(error);
        }
        tokio::time::sleep(jitter(BACKOFF.ceiling(*count))).await;
        Ok(())
    }
}

/// Any time up to `ceiling`: those who lost a race together must not run the next one together.
pub fn jitter(ceiling: Duration) -> Duration {
    backoff::jitter(Duration::ZERO, ceiling, fastrand::u64)
}
