//! What a move would find and cost, without doing any of it.

use domain::{BusinessId, NanoUsd, tokens, usage::Usage};
use ports::{Query, documents::Cursor};

use crate::{Result, Vectors, documents::VectorDoc};

const PAGE: usize = 1_000;

/// What a page of at most a thousand vectors holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// The number of all vectors.
    pub vectors: usize,
    /// Of these, such as another model made and that have a text.
    pub to_move: usize,
    /// Of these, such as another model made and that have no text.
    pub without_text: usize,
    /// Characters of the texts to move.
    pub characters: u64,
    /// What embedding them is expected to cost, at four characters a token.
    pub cost: NanoUsd,
    /// Where the next page begins; set when there may be more.
    pub next: Option<String>,
}

impl Vectors {
    /// Counts a page of a business's vectors, as a move to a model would find them.
    pub async fn count(
        &self,
        business: &BusinessId,
        to: &str,
        after: Option<String>,
    ) -> Result<Counted> {
        let model = self.target(to)?;
        let mut query =
            Query::collection("vectors").equal("business", business.as_str()).limit(PAGE);
        query.after = after.map(|id| Cursor { value: None, id });
        let found = self.documents.query(&query).await?;
        let next = found.get(PAGE - 1).map(|last| last.key.id.clone());
        let mut counted = Counted { vectors: found.len(), next, ..Counted::default() };
        let mut expected = 0;
        for document in found {
            let vector: VectorDoc = document.read()?;
            match vector.text {
                _ if vector.embedding_model == model.id => {}
                Some(text) => {
                    let characters = text.chars().count() as u64;
                    counted.to_move += 1;
                    counted.characters += characters;
                    expected += tokens::expected(characters);
                }
                None => counted.without_text += 1,
            }
        }
        counted.cost = model.price.cost(&Usage::of(expected, 0));
        Ok(counted)
    }
}
