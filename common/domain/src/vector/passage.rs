//! A passage: a part of a text that a business keeps, as a search finds it.

use serde::{Deserialize, Serialize};

/// A part of a kept text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Passage {
    /// The document it was cut from; a vector that was kept by itself is its own document.
    pub document_id: String,
    /// Title of the document.
    pub title: String,
    /// Where the document stands, as its keeper said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who vouches for it, as its keeper said; the business itself when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Position of its first character in the document's text, in characters.
    pub start: usize,
    /// The characters.
    pub text: String,
}
