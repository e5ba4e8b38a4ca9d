//! What tests need: time and ids they decide, in-memory ports that can fail on request, and the
//! contract suites that every adapter of a port passes.
//!
//! Only tests depend on this crate; a failed assertion here is a failed test there.
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
mod kept;
mod memory;
mod provider;

pub use bus::RecordingBus;
pub use clock::{FixedClock, RunningClock, SequentialIds, SkewedClock};
pub use free_port::free_port;
pub use kept::KeptTexts;
pub use memory::{Access, Fault, MemoryArtifacts, MemoryDocuments, MemoryUsage};
pub use provider::{BackgroundRequest, Beat, ScriptedProvider, answer, failure, forgotten};
