//! Random choices from the seed alone.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The one source of randomness in a simulated world.
pub(crate) struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an event of this probability happens. Probability zero draws no number.
    pub(crate) fn happens(&self, probability: f64) -> bool {
        probability > 0.0 && self.rng().f64() < probability
    }

    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        self.rng().u64(range)
    }

    pub(crate) fn share(&self) -> f64 {
        self.rng().f64()
    }

    pub(crate) fn ms(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    pub(crate) fn seconds(&self, range: RangeInclusive<u64>) -> Duration {
        self.ms(range.start() * 1000..=range.end() * 1000)
    }

    /// One of the elements; `None` for an empty slice.
    pub(crate) fn one<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        self.rng().choice(of)
    }
}
