//! What is asked of models: one prompt for each step, with the schema its answer must follow.
//!
//! A prompt has two halves. The system turn is a template file and never changes between calls, so
//! providers can cache it; the user turn carries the data, encoded so that no text in it can pass
//! for anything but data.

mod data;
pub mod edits;
pub mod prompt;
pub mod schema;
mod steps;

pub use edits::Edits;
pub use prompt::{ParseError, Prompt, Size, Speaker, Turn};
pub use steps::*;
