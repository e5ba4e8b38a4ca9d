//! Supabase: who bought what, and a copy of what was spent, over PostgREST.
//!
//! The project's address and service-role key are the secrets `supabase_url` and `supabase_key`,
//! read at first use. Without `supabase_url` a deployment keeps its tiers in the document store;
//! [`Chosen`] finds out which holds. The tables are in `migrations/`.

mod cache;
mod chosen;
mod project;
mod rest;
mod subscriptions;
mod usage;

pub use chosen::Chosen;
pub use subscriptions::SupabaseSubscriptions;
pub use usage::SupabaseUsage;
