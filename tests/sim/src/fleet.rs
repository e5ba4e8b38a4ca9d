//! Runs many seeds on all cores.

use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::run::{Setting, run};

/// A seed that violates an invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// The violation.
    pub violation: String,
}

/// The results of a range of seeds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fleet {
    /// The lowest seed with a violation.
    pub found: Option<Found>,
    /// Seeds that were run.
    pub seeds: u64,
    /// Tasks that were accepted.
    pub tasks: usize,
    /// Calls that were paid.
    pub payments: usize,
    /// The elapsed time.
    pub took: Duration,
}

/// Runs seeds until all have run or one has a violation.
pub fn fleet(seeds: Range<u64>, setting: Setting) -> Fleet {
    let begun = Instant::now();
    let (next, stopped) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let (tasks, payments) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(None::<Found>);
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = run(seed, setting);
            tasks.fetch_add(outcome.tasks, Ordering::Relaxed);
            payments.fetch_add(outcome.payments, Ordering::Relaxed);
            let Some(violation) = outcome.violation else { continue };
            stopped.store(true, Ordering::Relaxed);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            // Lower seeds in progress still run to their end, so the reported seed is the lowest.
            if found.as_ref().is_none_or(|it| seed < it.seed) {
                *found = Some(Found { seed, violation });
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    Fleet {
        found: found.into_inner().unwrap_or_else(PoisonError::into_inner),
        seeds: next.into_inner().min(seeds.end) - seeds.start,
        tasks: tasks.into_inner(),
        payments: payments.into_inner(),
        took: begun.elapsed(),
    }
}
