//! What all functions share: configuration, telemetry, errors, authentication, push deliveries,
//! graceful shutdown.
//!
//! A function's `main.rs` calls [`run`] with a closure that builds its router; everything else
//! happens here.

pub mod auth;
mod clock;
mod env;
mod job;
mod json;
#[cfg(feature = "lambda")]
mod lambda;
mod openapi;
mod problem;
mod push;
mod request;
mod rules;
mod server;
mod telemetry;
mod trace;

pub use auth::{Auth, Caller, CallerRole, Signer};
pub use clock::{UuidIds, WallClock};
pub use env::{Env, EnvSecrets, InvalidEnv, Mode};
pub use job::job;
pub use json::{Json, Query, from_value};
pub use openapi::{document, finish};
pub use problem::Problem;
pub use push::{GooglePush, Push, PushVerifier};
pub use request::IdempotencyKey;
pub use rules::rulebook;
pub use server::{StartError, run};
pub use telemetry::Log;
pub use trace::{Traced, in_trace, spawn, trace_id};
