//! What is stored of vectors beside the index: written by one function, read by another.

use domain::{BusinessId, Time};
use ports::{Documents, Key, Query, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `vectors/{business}:{id}`. No id holds a colon, so no business can name another's vector.
pub fn vector_key(business: &BusinessId, id: &str) -> Key {
    Key::new("vectors", format!("{business}:{id}"))
}

/// `vector_indexes/{business}`.
pub fn index_key(business: &BusinessId) -> Key {
    Key::new("vector_indexes", business.as_str())
}

/// A vector's text and metadata.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VectorDoc {
    /// The business that the vector belongs to.
    pub business: BusinessId,
    /// Id within the business.
    pub id: String,
    /// The text, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What filters refer to.
    pub metadata: Map<String, Value>,
    /// The model that made the vectors.
    pub embedding_model: String,
    /// What the vector in the index was made from. Absent while the index is being changed: then
    /// nothing is known about the vector, and the next upsert or delete starts over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
}

/// What holds for all vectors of a business.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IndexDoc {
    /// The model that made the vectors.
    pub embedding_model: String,
    /// Set while they move to another model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<Moving>,
}

/// A move of all vectors to another model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moving {
    /// The model they move to.
    pub to: String,
    /// What is being done.
    pub stage: MoveStage,
    /// The vector's document that the stage has come to; absent at its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many vectors the stage is through with.
    pub done: usize,
    /// When the last vector was replaced: an index may be slow to show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<Time>,
}

/// What a move is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveStage {
    /// Texts are embedded and nothing is replaced: the vectors are still the old model's.
    Preparing,
    /// Vectors are replaced: there are such of both models.
    Switching,
}

impl IndexDoc {
    /// An index whose vectors stay with a model.
    pub fn of(embedding_model: String) -> Self {
        Self { embedding_model, moving: None }
    }

    /// Whether vectors are being replaced, so that no search has vectors of one model to compare.
    pub fn is_switching(&self) -> bool {
        self.moving.as_ref().is_some_and(|moving| moving.stage == MoveStage::Switching)
    }

    /// The model that new vectors are made with.
    pub fn model_for_new(&self) -> &str {
        match &self.moving {
            Some(Moving { to, stage: MoveStage::Switching, .. }) => to,
            Some(Moving { stage: MoveStage::Preparing, .. }) | None => &self.embedding_model,
        }
    }
}

/// The first few businesses, by name, whose vectors a model made.
pub async fn businesses_with_vectors_of(
    documents: &dyn Documents,
    model: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let query = Query::collection("vector_indexes").equal("embedding_model", model).limit(most);
    Ok(documents.query(&query).await?.into_iter().map(|index| index.key.id).collect())
}
