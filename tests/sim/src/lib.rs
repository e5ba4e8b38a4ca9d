//!
//! A world is one single-threaded runtime whose clock jumps to the next event. Instances reach each
//! other and everything else only through ports. Every access through a port may take long, fail
//! before or after it took effect, be the last one before the instance dies, or be followed by
//! minutes of silence. [The invariants](run()) are checked after every commit and every payment. A
//! seed replays exactly, so its number identifies a failure.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a simulation reports a defect of its own"
)]

mod assemble;
mod bus;
mod clients;
mod data;
mod dice;
mod ending;
mod faults;
mod fleet;
mod graph;
mod instance;
mod mutants;
mod network;
mod oracle;
mod provider;
mod run;
mod store;
mod trace;
mod world;

pub use fleet::{Fleet, Found, fleet};
pub use mutants::Mutant;
pub use run::{Outcome, Phases, Setting, run};
