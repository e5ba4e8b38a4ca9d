//! Language-model providers behind one port: OpenAI's Responses API, any OpenAI-compatible server, and the simulation.

mod configured;
mod http;
pub mod openai;
pub mod simulated;
mod tokenizer;

pub use configured::{Configured, Misconfigured, real, simulated as simulation};
pub use openai::{Api, OpenAi};
pub use simulated::Simulated;
pub use tokenizer::O200k;
