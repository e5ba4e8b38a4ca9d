//! What is stored of vectors and documents, and under which keys.

use domain::{BusinessId, Time, digest};
use ports::Key;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use extract::ContentType;

/// `documents/{id}`.
pub(crate) fn document_key(id: &str) -> Key {
    Key::new("documents", id)
}

/// The id of a business's document with this text: the same text is the same document.
pub(crate) fn document_id(business: &BusinessId, text: &str) -> String {
    let mut id = digest(&["document", business.as_str(), text]);
    // 128 bits are plenty, and the ids of its chunks stay short.
    id.truncate(32);
    id
}

/// The id of a document's chunk among the business's vectors.
pub(crate) fn chunk_id(document: &str, index: u32) -> String {
    format!("{document}.{index:05}")
}

/// A document whose chunks are vectors.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct DocumentDoc {
    pub(crate) business: BusinessId,
    pub(crate) title: String,
    pub(crate) content_type: ContentType,
    pub(crate) metadata: Map<String, Value>,
    /// Characters of the extracted text.
    pub(crate) characters: usize,
    /// Its chunks are the vectors [`chunk_id`] 0 to this, exclusive.
    pub(crate) chunks: u32,
    /// Whether every chunk is in the index.
    pub(crate) ready: bool,
    pub(crate) created_at: Time,
}
