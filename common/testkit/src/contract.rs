//! One suite a port: what every adapter of it does alike.
//!
//! Each behaviour is a function that takes a fresh, empty adapter; `all` runs them one after the
//! other.

pub mod artifacts;
pub mod documents;
pub mod usage;
pub mod vectors;
