//! The routes in OpenAI's shapes, so that any OpenAI client works by its base URL.

pub(crate) mod chat;
pub(crate) mod embeddings;
pub(crate) mod error;
pub(crate) mod models;
