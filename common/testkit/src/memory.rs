//! In-memory storage ports with faults on request.

mod artifacts;
mod documents;
mod faults;
mod matching;
mod usage;

pub use artifacts::MemoryArtifacts;
pub use documents::MemoryDocuments;
pub use faults::{Access, Fault};
pub use usage::MemoryUsage;
