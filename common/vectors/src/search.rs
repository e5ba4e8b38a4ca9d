//! The vectors that are nearest to a text or an embedding, all of one model.

use domain::{BusinessId, vector::Filter};
use ports::{Document, Key, VectorQuery};
use serde_json::{Map, Value};

use crate::{
    Error, Result, Vectors,
    documents::{IndexDoc, VectorDoc, index_key, vector_key},
};

/// What to look for.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    /// The business whose vectors are searched.
    pub business: BusinessId,
    /// What to be near to.
    pub target: Target,
    /// How many at most.
    pub top_k: usize,
    /// Conditions on metadata, all of which must hold.
    pub filter: Filter,
}

/// What to be near to.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    /// A text; its embedding is paid.
    Text(String),
    /// An embedding of the index's model.
    Embedding(Vec<f32>),
}

/// The result of a search.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Nearest {
    /// The vectors found, nearest first.
    pub found: Vec<Found>,
    /// What is to be told of the model that made the vectors, when its end is near or past.
    pub warning: Option<String>,
}

/// A found vector.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// Id within the business.
    pub id: String,
    /// Cosine similarity, −1 to 1; larger is closer.
    pub score: f32,
    /// What filters refer to.
    pub metadata: Map<String, Value>,
    /// The text, where one was given.
    pub text: Option<String>,
}

impl Vectors {
    /// Finds the nearest vectors of a business.
    pub async fn search(&self, search: Search) -> Result<Nearest> {
        let Search { business, target, top_k, filter } = search;
        let index = self.documents.get_one(&index_key(&business)).await?;
        // Nothing was ever kept: an embedding of the query would be paid for nothing.
        let Some(index) = index else { return Ok(Nearest::default()) };
        let index: IndexDoc = index.read()?;
        if index.is_switching() {
            return Err(Error::Switching);
        }
        let model = index.embedding_model;
        let warning = self.warning(&model);
        let embedding = match target {
            Target::Embedding(embedding) => embedding,
            Target::Text(text) => self.embed_query(&business, &model, text).await?,
        };
        let query = VectorQuery { business, embedding, top_k, filter };
        Ok(Nearest { found: self.nearest(&model, &query).await?, warning })
    }

    /// The vectors of one model that are nearest.
    async fn nearest(&self, model: &str, query: &VectorQuery) -> Result<Vec<Found>> {
        let neighbours = self.index.search(query).await.map_err(Error::Search)?;
        let keys = neighbours.iter().map(|neighbour| vector_key(&query.business, &neighbour.id));
        let keys: Vec<Key> = std::iter::once(index_key(&query.business)).chain(keys).collect();
        let mut documents = self.documents.get(&keys).await?.into_iter();
        // Read after the search: had vectors begun to be replaced before it, it would be seen here.
        let index = documents.next().flatten();
        let index = index.as_ref().map(Document::read::<IndexDoc>).transpose()?;
        if index.is_none_or(|index| index.is_switching() || index.embedding_model != model) {
            return Err(Error::Switching);
        }
        let mut found = Vec::with_capacity(neighbours.len());
        for (neighbour, document) in neighbours.into_iter().zip(documents) {
            let stored = document.as_ref().map(Document::read::<VectorDoc>).transpose()?;
            // A vector without a document is being removed.
            let Some(stored) = stored else { continue };
            // One of another model came in too late to be compared; whoever sent it puts that
            // right.
            if stored.embedding_model != model {
                continue;
            }
            found.push(Found {
                id: neighbour.id,
                score: neighbour.score,
                metadata: stored.metadata,
                text: stored.text,
            });
        }
        Ok(found)
    }
}
