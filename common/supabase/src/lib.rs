//! Supabase over PostgREST: the businesses' subscriptions, and a copy of their usage.
//!
//! The project's address and service-role key are the secrets `supabase_url` and `supabase_key`,
//! read at first use. A deployment without `supabase_url` keeps its tiers in the document store;
//! [`Chosen`] selects the source. The tables are in `migrations/`.

mod cache;
mod chosen;
mod project;
mod rest;
mod subscriptions;
mod usage;

pub use chosen::Chosen;
pub use subscriptions::SupabaseSubscriptions;
pub use usage::SupabaseUsage;
