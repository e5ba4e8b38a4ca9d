//! The rules of RaptorFlow as plain functions and data: no clock, no network, no store.
//!
//! Every function decides from its arguments alone, so the same inputs always give the same answer.

pub mod artefact;
pub mod backoff;
pub mod budget;
pub mod catalog;
pub mod estimate;
pub mod event;
pub mod id;
pub mod learning;
pub mod money;
pub mod phase;
pub mod routing;
pub mod rulebook;
pub mod spreadsheet;
pub mod step;
pub mod task;
pub mod task_type;
pub mod tier;
pub mod time;
pub mod tokens;
pub mod usage;
pub mod vector;

pub use id::{BusinessId, CallId, TaskId, digest};
pub use money::NanoUsd;
pub use time::Time;
