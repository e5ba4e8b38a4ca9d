//! Adapters of all ports inside one process: documents and vectors in one SQLite file, events and
//! calls between functions passed directly to their routers, artefacts as files.
//!
//! `local` runs on it. It behaves like the cloud adapters: the same contract suites, the same push
//! requests, the same HTTP bodies.

mod artifacts;
mod bus;
mod gateway;
mod store;
mod vectors;

pub use artifacts::FileArtifacts;
pub use bus::{Bus, DEAD_LETTER_TOPIC, Delivery};
pub use gateway::{RouterGateway, RouterTransport};
pub use store::{OpenError, Store};
pub use vectors::VectorScan;
