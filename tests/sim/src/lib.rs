//! Deterministic simulation: the real engine, ledger and gateway, on several instances, over a
//! store, a bus, a network and providers that fail in every way they can, under virtual time and a
//! scheduler that one seed decides.
//!
//! A world is one single-threaded runtime whose clock jumps to the next thing that happens.
//! Instances reach each other and everything else only through ports, and every access through a
//! port may take long, fail before or after it took effect, be the last thing its instance does, or
//! be followed by minutes of silence. After every commit and every payment [the invariants](run())
//! are looked at. A seed replays exactly, so a failure is its number.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a simulation says that it is built wrong"
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
