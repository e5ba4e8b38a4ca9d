//! The task engine and the analysis that it runs: phases, their steps, and what they are expected to
//! cost.
//!
//! Every state change is read → pure decision in `domain` → conditional commit.

pub mod documents;
pub mod engine;
pub mod phases;
pub mod plan;

pub use engine::{Delivery, Engine, EnginePorts, Submission, Submitted, Wake};
