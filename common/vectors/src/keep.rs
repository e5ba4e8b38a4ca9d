//! Keeps vectors: each is a document with text and metadata, and a vector in the index.
//!
//! Documents and index cannot change together, so each change is framed: first the documents lose
//! their content hash, then the index changes, then the documents get their final form under the
//! versions the first commit gave them. Whatever crashes in between leaves documents without a
//! hash, which a repeat does again; whoever interferes changes a version, and the loser starts
//! over. A hash therefore proves that the index holds the vector made from it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BusinessId, NanoUsd};
use ports::{Document, Key, Precondition, StoreError, VectorItem, Version, Write};

use crate::{
    Content, Error, Item, ItemOutcome, Outcome, Result, Settled, TRIES, Vectors,
    documents::{VectorDoc, vector_key},
};

/// Texts of one embedding call.
const GROUP_ITEMS: usize = 256;
/// Bytes of texts and metadata in a group. The embedding call's body must stay below 1 MiB, and an
/// escaped character of JSON takes up to six bytes.
pub(crate) const GROUP_BYTES: usize = 160 * 1024;

/// The result of storing vectors.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Vectors that were new or had changed.
    pub upserted: usize,
    /// Vectors that were kept already.
    pub unchanged: usize,
    /// Texts that were embedded.
    pub embedded: usize,
    /// The cost of the embeddings.
    pub cost: NanoUsd,
    /// Of the first items, as many as were gone through.
    outcomes: Vec<Outcome>,
}

impl Kept {
    /// Every item with what became of it.
    pub fn of(&self, items: &[Item]) -> Vec<ItemOutcome> {
        let outcomes = self.outcomes.iter().copied().chain(std::iter::repeat(Outcome::Failed));
        items
            .iter()
            .zip(outcomes)
            .map(|(item, outcome)| ItemOutcome { id: item.id.clone(), outcome })
            .collect()
    }

    /// Why the rest was not kept, with what became of each item where some were.
    fn cut_short(&self, cause: Error, items: &[Item]) -> Error {
        if self.outcomes.is_empty() {
            return cause;
        }
        Error::PartlyKept { cause: Box::new(cause), items: self.of(items) }
    }
}

impl Vectors {
    /// Keeps items of one business, made with or by the model that was settled; those that are kept
    /// already are left alone.
    pub async fn keep(
        &self,
        business: &BusinessId,
        settled: &Settled,
        items: &[Item],
    ) -> Result<Kept> {
        if settled.is_moving
            && let Some(index) = items.iter().position(Item::is_own_embedding)
        {
            return Err(Error::OwnEmbeddingDuringMove { item: Some(index) });
        }
        let mut kept = Kept::default();
        let mut model = settled.model.clone();
        for _ in 0..TRIES {
            (kept.upserted, kept.unchanged) = (0, 0);
            kept.outcomes.clear();
            for group in groups(items) {
                let before = kept.outcomes.len();
                if let Err(error) = self.keep_group(business, &model, group, &mut kept).await {
                    kept.outcomes.truncate(before);
                    return Err(kept.cut_short(error, items));
                }
            }
            match self.current_model(business).await? {
                // The business began to replace its vectors meanwhile, and may have gone past
                // these.
                Some(now) if now != model => {
                    if items.iter().any(Item::is_own_embedding) {
                        return Err(Error::OwnEmbeddingDuringMove { item: None });
                    }
                    model = now;
                }
                Some(_) | None => return Ok(kept),
            }
        }
        Err(ledger::Error::Contended.into())
    }

    async fn keep_group(
        &self,
        business: &BusinessId,
        model: &str,
        group: &[Item],
        kept: &mut Kept,
    ) -> Result<()> {
        let keys: Vec<Key> = group.iter().map(|item| vector_key(business, &item.id)).collect();
        let mut embedded: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for attempt in 0..TRIES {
            let changes = changes(model, group, self.documents.get(&keys).await?)?;
            if attempt == 0 {
                kept.upserted += changes.len();
                kept.unchanged += group.len() - changes.len();
                let written: BTreeSet<&str> =
                    changes.iter().map(|change| change.item.id.as_str()).collect();
                let outcome = |item: &Item| {
                    if written.contains(&*item.id) { Outcome::Upserted } else { Outcome::Unchanged }
                };
                kept.outcomes.extend(group.iter().map(outcome));
            }
            if changes.is_empty() {
                return Ok(());
            }
            let missing: BTreeMap<String, &str> = changes
                .iter()
                .filter(|change| !embedded.contains_key(&change.hash))
                .filter_map(|change| match &change.item.content {
                    Content::Text(text) => Some((change.hash.clone(), text.as_str())),
                    Content::Embedding { .. } => None,
                })
                .collect();
            if !missing.is_empty() {
                self.ledger.admit(business).await?;
                let (vectors, cost) = self.embed(business, model, &missing).await?;
                kept.embedded += missing.len();
                kept.cost += cost;
                embedded.extend(vectors);
            }
            match self.write(business, model, &changes, &embedded).await? {
                Written::Done => return Ok(()),
                Written::Lost => {}
            }
        }
        Err(ledger::Error::Contended.into())
    }

    /// Carries out a framed change; vectors of texts are in `embedded`, by their hashes.
    pub(crate) async fn write(
        &self,
        business: &BusinessId,
        model: &str,
        changes: &[Change<'_>],
        embedded: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Written> {
        let key = |change: &Change<'_>| vector_key(business, &change.item.id);
        let opening: Result<Vec<Write>, StoreError> = changes
            .iter()
            .map(|change| {
                Write::put(key(change), change.seen, &change.item.stored(business, model, None))
            })
            .collect();
        let Some(versions) = self.committed(opening?).await? else { return Ok(Written::Lost) };

        let mut vectors = Vec::with_capacity(changes.len());
        for change in changes {
            let embedding = match &change.item.content {
                Content::Embedding { embedding, .. } => Some(embedding),
                Content::Text(_) => embedded.get(&change.hash),
            };
            let embedding =
                embedding.ok_or(Error::Internal("the gateway sent fewer vectors than texts"))?;
            let (id, metadata) = (change.item.id.clone(), change.item.metadata.clone());
            vectors.push(VectorItem { id, embedding: embedding.clone(), metadata });
        }
        self.index.upsert(business, vectors).await?;

        let closing: Result<Vec<Write>, StoreError> = changes
            .iter()
            .zip(versions)
            .map(|(change, version)| {
                let stored = change.item.stored(business, model, Some(change.hash.clone()));
                Write::replace(key(change), version, &stored)
            })
            .collect();
        Ok(if self.committed(closing?).await?.is_some() { Written::Done } else { Written::Lost })
    }

    /// Removes vectors; returns how many there were.
    pub async fn remove(&self, business: &BusinessId, ids: &[String]) -> Result<usize> {
        let mut removed = 0;
        for ids in ids.chunks(GROUP_ITEMS) {
            removed += self.remove_group(business, ids).await?;
        }
        Ok(removed)
    }

    async fn remove_group(&self, business: &BusinessId, ids: &[String]) -> Result<usize> {
        let keys: Vec<Key> = ids.iter().map(|id| vector_key(business, id)).collect();
        let mut first_seen = None;
        for _ in 0..TRIES {
            let documents: Vec<Document> =
                self.documents.get(&keys).await?.into_iter().flatten().collect();
            let count = *first_seen.get_or_insert(documents.len());
            if documents.is_empty() {
                return Ok(count);
            }
            if self.remove_seen(business, documents).await? {
                return Ok(count);
            }
        }
        Err(ledger::Error::Contended.into())
    }

    /// Removes vectors in the state that was seen; false when somebody changed one meanwhile.
    pub(crate) async fn remove_seen(
        &self,
        business: &BusinessId,
        documents: Vec<Document>,
    ) -> Result<bool> {
        let opening = documents.iter().map(|document| {
            Write::merge(document.key.clone(), Precondition::Version(document.version))
                .unset("content_hash")
        });
        let Some(versions) = self.committed(opening.collect()).await? else { return Ok(false) };
        let doomed: Result<Vec<VectorDoc>, StoreError> =
            documents.iter().map(Document::read).collect();
        let doomed: Vec<String> = doomed?.into_iter().map(|stored| stored.id).collect();
        self.index.delete(business, &doomed).await?;
        let closing = documents.into_iter().zip(versions);
        let closing = closing
            .map(|(document, version)| Write::delete(document.key, Precondition::Version(version)));
        Ok(self.committed(closing.collect()).await?.is_some())
    }

    /// The new versions, or `None` after a conflict, which may hide a success: reading again tells.
    async fn committed(&self, writes: Vec<Write>) -> Result<Option<Vec<Version>>> {
        match self.documents.commit(writes).await {
            Ok(versions) => Ok(Some(versions)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Runs of items that one embedding call and one commit can carry. The same items always fall into
/// the same groups, so that a repeat finds its calls paid.
fn groups(items: &[Item]) -> Vec<&[Item]> {
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, item) in items.iter().enumerate() {
        if index > start && (index - start == GROUP_ITEMS || bytes + item.bytes() > GROUP_BYTES) {
            groups.push(&items[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += item.bytes();
    }
    groups.push(&items[start..]);
    groups
}

/// An item whose vector has to be written.
pub(crate) struct Change<'a> {
    pub(crate) item: &'a Item,
    /// What its vector is made from.
    pub(crate) hash: String,
    /// The document's state that the change is decided on.
    pub(crate) seen: Option<Version>,
}

fn changes<'a>(
    model: &str,
    group: &'a [Item],
    stored: Vec<Option<Document>>,
) -> Result<Vec<Change<'a>>> {
    let mut changes = Vec::new();
    for (item, document) in group.iter().zip(stored) {
        let hash = item.content.hash(model);
        let seen = document.as_ref().map(|document| document.version);
        let stored: Option<VectorDoc> = document.as_ref().map(Document::read).transpose()?;
        let same = |stored: &VectorDoc| {
            stored.content_hash.as_deref() == Some(&hash) && stored.metadata == item.metadata
        };
        if !stored.as_ref().is_some_and(same) {
            changes.push(Change { item, hash, seen });
        }
    }
    Ok(changes)
}

/// Whether a framed change went through.
pub(crate) enum Written {
    Done,
    /// Somebody else changed a document meanwhile: read again.
    Lost,
}
