//! Tests of the adapter against a real database: PostgreSQL with our migrations behind a
//! PostgREST-compatible server.
//!
//! Every test has its own cluster in a temporary directory. They need PostgreSQL 15 or later with
//! `psql`, Node.js 20 or later, and `npm ci --prefix common/supabase/tests/node`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod cluster;
mod mirror;
mod policies;
mod project;
mod proxy;
mod stub;
mod subscriptions;
