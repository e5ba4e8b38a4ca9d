//! The Google adapters against Google's emulators: the very suites that the embedded adapters pass.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod documents;
mod events;
mod outages;
mod storage;
mod vectors;

use std::env::var;

/// Where an emulator is; `make test` starts them.
fn emulator(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests read where the emulators are")]
    let host = var(name);
    host.unwrap_or_else(|_| {
        panic!("{name} is not set: run this by `make test` or `tests/with-emulators.sh`")
    })
}

/// A name nobody else uses, so that runs and tests share one emulator.
fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
