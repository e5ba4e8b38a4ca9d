//! HTTP clients of our own functions: the gateway (`route-execute`) and the retriever
//! (`vector-search`), over any transport.
//!
//! The names of the headers that functions send each other are declared here, once.

mod gateway;
mod retriever;
mod wire;

pub use gateway::RemoteGateway;
pub use retriever::RemoteRetriever;
pub use wire::{BUSINESS_HEADER, COST_HEADER, TASK_HEADER, Transport, WireAnswer, WireRequest};
