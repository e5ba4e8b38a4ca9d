//! A vector to keep, and what became of it.

use domain::{BusinessId, digest};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::documents::VectorDoc;

/// A vector to keep.
#[derive(Clone, Debug)]
pub struct Item {
    /// Id within the business.
    pub id: String,
    /// What the vector is.
    pub content: Content,
    /// What filters refer to.
    pub metadata: Map<String, Value>,
}

/// What the vector is.
#[derive(Clone, Debug)]
pub enum Content {
    /// Made from this text.
    Text(String),
    /// The caller's own, and the text that it stands for.
    Embedding {
        /// The vector.
        embedding: Vec<f32>,
        /// The text, where it is known.
        text: Option<String>,
    },
}

/// What became of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was new or had changed.
    Upserted,
    /// It was kept already.
    Unchanged,
    /// It was not kept: send it again.
    Failed,
}

/// An item, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ItemOutcome {
    pub id: String,
    pub outcome: Outcome,
}

impl Content {
    /// What proves that a vector was made from this by `model`.
    pub(crate) fn hash(&self, model: &str) -> String {
        match self {
            Self::Text(text) => digest(&["text", model, text]),
            Self::Embedding { embedding, text } => {
                let bits: Vec<String> =
                    embedding.iter().map(|component| component.to_bits().to_string()).collect();
                let bits = bits.join(",");
                let parts = ["embedding", model, &bits];
                text.as_deref()
                    .map_or_else(|| digest(&parts), |text| digest(&[&parts[..], &[text]].concat()))
            }
        }
    }

    pub(crate) fn text(&self) -> Option<&String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Embedding { text, .. } => text.as_ref(),
        }
    }
}

impl Item {
    pub(crate) fn is_own_embedding(&self) -> bool {
        matches!(self.content, Content::Embedding { .. })
    }

    /// Bytes of text and metadata.
    pub(crate) fn bytes(&self) -> usize {
        let text = self.content.text().map_or(0, String::len);
        let metadata = self
            .metadata
            .iter()
            .map(|(name, value)| name.len() + value.as_str().map_or(8, str::len));
        text + metadata.sum::<usize>()
    }

    pub(crate) fn stored(
        &self,
        business: &BusinessId,
        model: &str,
        content_hash: Option<String>,
    ) -> VectorDoc {
        VectorDoc {
            business: business.clone(),
            id: self.id.clone(),
            text: self.content.text().cloned(),
            metadata: self.metadata.clone(),
            embedding_model: model.into(),
            content_hash,
        }
    }
}
