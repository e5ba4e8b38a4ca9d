//! Contract suites: one per port, with the behaviour that all its adapters share.
//!
//! Each behaviour is a function that takes a fresh, empty adapter; `all` runs them one after
//! another.

pub mod artifacts;
pub mod documents;
pub mod usage;
pub mod vectors;
