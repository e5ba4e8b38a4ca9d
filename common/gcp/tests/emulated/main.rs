//! Tests of the Google adapters against Google's emulators, with the contract suites of the
//! embedded adapters.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod documents;
mod events;
mod outages;
mod storage;
mod vectors;

use std::env::var;

/// The address of an emulator; `make test` starts them.
fn emulator(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests read where the emulators are")]
    let host = var(name);
    host.unwrap_or_else(|_| {
        panic!("{name} is not set: run this by `make test` or `tests/with-emulators.sh`")
    })
}

/// A unique name, so that runs and tests can share one emulator.
fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
