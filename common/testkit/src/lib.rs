//! Test support: clocks and ids that tests control, in-memory ports that can fail on request, and
//! the contract suites that every adapter of a port passes.
//!
//! Only tests depend on this crate; its functions assert, so a failed assertion here fails the test
//! that called it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a test fails"
)]

mod bus;
mod clock;
pub mod contract;
mod free_port;
mod memory;
mod provider;
mod retriever;

pub use bus::RecordingBus;
pub use clock::{FixedClock, RunningClock, SequentialIds, SkewedClock};
pub use free_port::free_port;
pub use memory::{Access, Fault, MemoryArtifacts, MemoryDocuments, MemoryUsage};
pub use provider::{BackgroundRequest, Beat, ScriptedProvider, answer, failure, forgotten};
pub use retriever::StubRetriever;
