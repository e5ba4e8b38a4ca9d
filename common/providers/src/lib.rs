//! Language-model providers behind one port: OpenAI's Responses API, any OpenAI-compatible server
//! and Gemini; and the configuration that selects them.

mod client;
mod configured;
#[doc(hidden)]
pub mod fuzzing;
pub mod gemini;
mod http;
pub mod openai;
mod schema;
mod sse;
mod stream;
#[cfg(test)]
mod testing;
mod tier;
mod tokenizer;

pub use configured::{Configured, Misconfigured, chosen, real, simulated as simulation};
pub use gemini::Gemini;
pub use openai::{Api, OpenAi};
pub use tokenizer::O200k;
