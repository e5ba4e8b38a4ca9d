//! Passages: parts of the texts in a business's knowledge base, as a search returns them.

use serde::{Deserialize, Serialize};

/// A part of a text in the knowledge base.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Passage {
    /// The document it was cut from; a single vector counts as its own document.
    pub document_id: String,
    /// Title of the document.
    pub title: String,
    /// Address of the document, as stored with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Publisher of the document, as stored with it; the business itself when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Offset of its first character in the document's text, in characters.
    pub start: usize,
    /// The text of the passage.
    pub text: String,
}
