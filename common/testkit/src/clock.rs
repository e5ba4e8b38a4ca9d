//! Clocks that the test controls, and sequential ids.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use domain::Time;
use ports::{Clock, Ids};

/// A clock that shows the time it was set to.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that shows `time`.
    pub fn new(time: Time) -> Self {
        Self(AtomicI64::new(time.unix_ms()))
    }

    /// A clock that shows an RFC 3339 time such as `2026-11-22T09:30:00Z`.
    pub fn at(time: &str) -> Self {
        Self::new(time.parse().unwrap())
    }

    /// Moves the clock to `time`, backwards too.
    pub fn set(&self, time: Time) {
        self.0.store(time.unix_ms(), Ordering::SeqCst);
    }

    /// Moves the clock on by `ms` milliseconds.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves the clock on by whole seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance_ms(seconds * 1000);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Time {
        Time::from_unix_ms(self.0.load(Ordering::SeqCst))
    }
}

/// A clock that runs ahead of another or behind it, as the clocks of different machines do.
pub struct SkewedClock {
    clock: Arc<dyn Clock>,
    ahead_ms: i64,
}

impl SkewedClock {
    /// A clock `ahead_ms` milliseconds ahead of `clock`; behind it when negative.
    pub fn new(clock: Arc<dyn Clock>, ahead_ms: i64) -> Self {
        Self { clock, ahead_ms }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Time {
        self.clock.now().plus_ms(self.ahead_ms)
    }
}

/// A clock that starts at a given time and runs on from there, so that tests of the whole system
/// always run on a day whose models are known.
#[derive(Debug)]
pub struct RunningClock {
    start: Time,
    begun: tokio::time::Instant,
}

impl RunningClock {
    /// A clock that shows an RFC 3339 time now and runs on from there.
    pub fn from(time: &str) -> Self {
        Self { start: time.parse().unwrap(), begun: tokio::time::Instant::now() }
    }
}

impl Clock for RunningClock {
    fn now(&self) -> Time {
        self.start.plus_ms(i64::try_from(self.begun.elapsed().as_millis()).unwrap())
    }
}

/// Ids `{prefix}-1`, `{prefix}-2`, …
#[derive(Debug)]
pub struct SequentialIds {
    prefix: String,
    last: AtomicU64,
}

impl SequentialIds {
    /// Ids that start with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into(), last: AtomicU64::new(0) }
    }
}

impl Default for SequentialIds {
    fn default() -> Self {
        Self::new("id")
    }
}

impl Ids for SequentialIds {
    fn next(&self) -> String {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        format!("{}-{number}", self.prefix)
    }
}
