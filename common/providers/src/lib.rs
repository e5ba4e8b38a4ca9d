//! Language-model providers behind one port: OpenAI's Responses API, any OpenAI-compatible server, and the simulation.

mod http;
pub mod openai;
pub mod simulated;

pub use openai::{Api, OpenAi};
pub use simulated::Simulated;
