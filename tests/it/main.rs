//! Tests of the whole system over HTTP, with the real SQLite store.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod analysis;
mod app;
mod architecture;
mod bad_input;
mod budget;
mod clients;
mod cloud;
mod compatible;
mod costs;
mod docs;
mod estimate;
mod execute;
mod execution;
mod image;
mod import;
mod knowledge_base;
mod openapi;
mod outcomes;
mod overspend;
mod page;
mod process;
mod random_brief;
mod reembed;
mod relay;
mod release_before;
mod rollout;
mod tenants;
mod topology;
mod upstream;
