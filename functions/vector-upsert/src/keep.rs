//! Keeps vectors: each is a document with text and metadata, and a vector in the index.
//!
//! Documents and index cannot change together, so each change is framed: first the documents lose
//! their content hash, then the index changes, then the documents get their final form under the
//! versions the first commit gave them. Whatever crashes in between leaves documents without a
//! hash, which a repeat does again; whoever interferes changes a version, and the loser starts
//! over. A hash therefore proves that the index holds the vector made from it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BusinessId, NanoUsd, digest};
use ports::{Document, Key, Precondition, StoreError, VectorError, VectorItem, Version, Write};
use serde::Serialize;
use serde_json::{Map, Value};
use service::Problem;
use utoipa::ToSchema;
use vectors::documents::{VectorDoc, vector_key};

use crate::{AppState, embed::embed, model};

pub(crate) const TRIES: usize = 5;
/// Texts of one embedding call.
const GROUP_ITEMS: usize = 256;
/// Bytes of texts and metadata in a group. The embedding call's body must stay below 1 MiB, and an
/// escaped character of JSON takes up to six bytes.
pub(crate) const GROUP_BYTES: usize = 160 * 1024;

/// A vector to keep.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) content: Content,
    pub(crate) metadata: Map<String, Value>,
}

/// What the vector is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Made from this text.
    Text(String),
    /// The caller's own, and the text that it stands for.
    Embedding { embedding: Vec<f32>, text: Option<String> },
}

/// What became of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was new or had changed.
    Upserted,
    /// It was kept already.
    Unchanged,
    /// It was not kept: send it again.
    Failed,
}

/// An item, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemOutcome {
    id: String,
    outcome: Outcome,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) upserted: usize,
    pub(crate) unchanged: usize,
    pub(crate) embedded: usize,
    pub(crate) cost: NanoUsd,
    /// Of the first items, as many as were gone through.
    outcomes: Vec<Outcome>,
}

impl Kept {
    /// Every item with what became of it.
    pub(crate) fn of(&self, items: &[Item]) -> Vec<ItemOutcome> {
        let outcomes = self.outcomes.iter().copied().chain(std::iter::repeat(Outcome::Failed));
        items
            .iter()
            .zip(outcomes)
            .map(|(item, outcome)| ItemOutcome { id: item.id.clone(), outcome })
            .collect()
    }

    /// Why the rest was not kept, with what became of each item where some were.
    fn told_in(&self, problem: Problem, items: &[Item]) -> Problem {
        if self.outcomes.is_empty() {
            return problem;
        }
        problem.with("items", serde_json::to_value(self.of(items)).unwrap_or_default())
    }
}

impl Content {
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
    fn bytes(&self) -> usize {
        let text = self.content.text().map_or(0, String::len);
        let metadata = self
            .metadata
            .iter()
            .map(|(name, value)| name.len() + value.as_str().map_or(8, str::len));
        text + metadata.sum::<usize>()
    }

    fn stored(
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

/// Keeps items of one business, made with or by `model`; those that are kept already are left
/// alone.
pub(crate) async fn keep(
    state: &AppState,
    business: &BusinessId,
    model: &str,
    items: &[Item],
) -> Result<Kept, Problem> {
    let mut kept = Kept::default();
    let mut model = model.to_owned();
    for _ in 0..TRIES {
        (kept.upserted, kept.unchanged) = (0, 0);
        kept.outcomes.clear();
        for group in groups(items) {
            let before = kept.outcomes.len();
            if let Err(problem) = keep_group(state, business, &model, group, &mut kept).await {
                kept.outcomes.truncate(before);
                return Err(kept.told_in(problem, items));
            }
        }
        match model::current(state, business).await? {
            // The business began to replace its vectors meanwhile, and may have gone past these.
            Some(now) if now != model => {
                if items.iter().any(|item| matches!(item.content, Content::Embedding { .. })) {
                    return Err(model::moving("items"));
                }
                model = now;
            }
            Some(_) | None => return Ok(kept),
        }
    }
    Err(ledger::Error::Contended.into())
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

async fn keep_group(
    state: &AppState,
    business: &BusinessId,
    model: &str,
    group: &[Item],
    kept: &mut Kept,
) -> Result<(), Problem> {
    let keys: Vec<Key> = group.iter().map(|item| vector_key(business, &item.id)).collect();
    let mut embedded: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for attempt in 0..TRIES {
        let changes = changes(model, group, state.documents.get(&keys).await?)?;
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
            state.ledger.admit(business).await?;
            let (vectors, cost) = embed(state, business, model, &missing).await?;
            kept.embedded += missing.len();
            kept.cost += cost;
            embedded.extend(vectors);
        }
        match write(state, business, model, &changes, &embedded).await? {
            Written::Done => return Ok(()),
            Written::Lost => {}
        }
    }
    Err(ledger::Error::Contended.into())
}

fn changes<'a>(
    model: &str,
    group: &'a [Item],
    stored: Vec<Option<Document>>,
) -> Result<Vec<Change<'a>>, Problem> {
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

/// Carries out a framed change; vectors of texts are in `embedded`, by their hashes.
pub(crate) async fn write(
    state: &AppState,
    business: &BusinessId,
    model: &str,
    changes: &[Change<'_>],
    embedded: &BTreeMap<String, Vec<f32>>,
) -> Result<Written, Problem> {
    let key = |change: &Change<'_>| vector_key(business, &change.item.id);
    let opening: Result<Vec<Write>, StoreError> = changes
        .iter()
        .map(|change| {
            Write::put(key(change), change.seen, &change.item.stored(business, model, None))
        })
        .collect();
    let Some(versions) = committed(state, opening?).await? else { return Ok(Written::Lost) };

    let mut vectors = Vec::with_capacity(changes.len());
    for change in changes {
        let embedding = match &change.item.content {
            Content::Embedding { embedding, .. } => Some(embedding),
            Content::Text(_) => embedded.get(&change.hash),
        };
        let embedding = embedding
            .ok_or_else(|| Problem::internal("the gateway sent fewer vectors than texts"))?;
        let (id, metadata) = (change.item.id.clone(), change.item.metadata.clone());
        vectors.push(VectorItem { id, embedding: embedding.clone(), metadata });
    }
    state.vectors.upsert(business, vectors).await.map_err(index_problem)?;

    let closing: Result<Vec<Write>, StoreError> = changes
        .iter()
        .zip(versions)
        .map(|(change, version)| {
            let stored = change.item.stored(business, model, Some(change.hash.clone()));
            Write::replace(key(change), version, &stored)
        })
        .collect();
    Ok(if committed(state, closing?).await?.is_some() { Written::Done } else { Written::Lost })
}

/// Removes vectors; returns how many there were.
pub(crate) async fn remove(
    state: &AppState,
    business: &BusinessId,
    ids: &[String],
) -> Result<usize, Problem> {
    let mut removed = 0;
    for ids in ids.chunks(GROUP_ITEMS) {
        removed += remove_group(state, business, ids).await?;
    }
    Ok(removed)
}

async fn remove_group(
    state: &AppState,
    business: &BusinessId,
    ids: &[String],
) -> Result<usize, Problem> {
    let keys: Vec<Key> = ids.iter().map(|id| vector_key(business, id)).collect();
    let mut first_seen = None;
    for _ in 0..TRIES {
        let documents: Vec<Document> =
            state.documents.get(&keys).await?.into_iter().flatten().collect();
        let count = *first_seen.get_or_insert(documents.len());
        if documents.is_empty() {
            return Ok(count);
        }
        if remove_seen(state, business, documents).await? {
            return Ok(count);
        }
    }
    Err(ledger::Error::Contended.into())
}

/// Removes vectors in the state that was seen; false when somebody changed one meanwhile.
pub(crate) async fn remove_seen(
    state: &AppState,
    business: &BusinessId,
    documents: Vec<Document>,
) -> Result<bool, Problem> {
    let opening = documents.iter().map(|document| {
        Write::merge(document.key.clone(), Precondition::Version(document.version))
            .unset("content_hash")
    });
    let Some(versions) = committed(state, opening.collect()).await? else { return Ok(false) };
    let doomed: Result<Vec<VectorDoc>, StoreError> = documents.iter().map(Document::read).collect();
    let doomed: Vec<String> = doomed?.into_iter().map(|stored| stored.id).collect();
    state.vectors.delete(business, &doomed).await.map_err(index_problem)?;
    let closing = documents.into_iter().zip(versions);
    let closing = closing
        .map(|(document, version)| Write::delete(document.key, Precondition::Version(version)));
    Ok(committed(state, closing.collect()).await?.is_some())
}

/// The new versions, or `None` after a conflict, which may hide a success: reading again tells.
async fn committed(state: &AppState, writes: Vec<Write>) -> Result<Option<Vec<Version>>, Problem> {
    match state.documents.commit(writes).await {
        Ok(versions) => Ok(Some(versions)),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn index_problem(error: VectorError) -> Problem {
    match error {
        VectorError::Invalid(reason) => Problem::invalid_field("embedding", reason),
        VectorError::Unavailable(cause) => {
            tracing::error!(cause, "the vector index is unavailable");
            Problem::unavailable("the vector index is unavailable; asking again is safe")
        }
    }
}
