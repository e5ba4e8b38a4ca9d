//! What is stored of vectors beside the index.

pub mod documents;
