//! What becomes of a group of vectors: its texts are embedded, and its vectors replaced.

use std::collections::BTreeMap;

use domain::{BusinessId, NanoUsd};
use ports::Key;

use super::{Did, page::Stored};
use crate::{
    Content, Item, Result, TRIES, Vectors,
    keep::{Change, Written},
};

/// The vectors that have no text and are not of the model, and all that have one.
pub(super) fn by_text<'a>(group: &'a [Stored], to: &str) -> (Vec<&'a Stored>, Vec<&'a Stored>) {
    let (textless, texts): (Vec<_>, Vec<_>) =
        group.iter().partition(|stored| stored.vector.text.is_none());
    (textless.into_iter().filter(|stored| !is_moved(stored, to)).collect(), texts)
}

fn is_moved(stored: &Stored, to: &str) -> bool {
    stored.vector.embedding_model == to && stored.vector.content_hash.is_some()
}

/// Has the texts of a group embedded, so that switching finds the answer with its call; returns
/// what it cost.
pub(super) async fn prepare(
    vectors: &Vectors,
    business: &BusinessId,
    to: &str,
    group: &[Stored],
) -> Result<NanoUsd> {
    let (_, texts) = by_text(group, to);
    if texts.iter().all(|stored| is_moved(stored, to)) {
        return Ok(NanoUsd::ZERO);
    }
    embed(vectors, business, to, &items(&texts)).await.map(|(_, cost)| cost)
}

/// Replaces the vectors of a group that are not of the model, and removes those that have no text.
pub(super) async fn switch(
    vectors: &Vectors,
    business: &BusinessId,
    to: &str,
    group: &[Stored],
) -> Result<Did> {
    let keys: Vec<Key> = group.iter().map(|stored| stored.document.key.clone()).collect();
    let mut did = Did::default();
    for _ in 0..TRIES {
        // Read again: much may have happened since the page was read, and after each lost race.
        let found = vectors.documents.get(&keys).await?.into_iter().flatten();
        let group: Vec<Stored> = found.map(Stored::of).collect::<Result<_, _>>()?;
        let (textless, texts) = by_text(&group, to);
        if !textless.is_empty() {
            let doomed: Vec<_> = textless.iter().map(|stored| stored.document.clone()).collect();
            let count = doomed.len();
            if !vectors.remove_seen(business, doomed).await? {
                continue;
            }
            did.deleted += count;
        }
        let items = items(&texts);
        let old = items.iter().zip(&texts).filter(|(_, stored)| !is_moved(stored, to));
        let changes: Vec<Change<'_>> = old
            .map(|(item, stored)| Change {
                item,
                hash: item.content.hash(to),
                seen: Some(stored.document.version),
            })
            .collect();
        if changes.is_empty() {
            return Ok(did);
        }
        // All texts of the group, also of vectors that are replaced already: only then is it the
        // call that was paid.
        let (embedded, cost) = embed(vectors, business, to, &items).await?;
        did.cost += cost;
        match vectors.write(business, to, &changes, &embedded).await? {
            Written::Done => {
                did.moved += changes.len();
                return Ok(did);
            }
            Written::Lost => {}
        }
    }
    Err(ledger::Error::Contended.into())
}

fn items(texts: &[&Stored]) -> Vec<Item> {
    let item = |stored: &&Stored| Item {
        id: stored.vector.id.clone(),
        content: Content::Text(stored.vector.text.clone().unwrap_or_default()),
        metadata: stored.vector.metadata.clone(),
    };
    texts.iter().map(item).collect()
}

async fn embed(
    vectors: &Vectors,
    business: &BusinessId,
    to: &str,
    items: &[Item],
) -> Result<(BTreeMap<String, Vec<f32>>, NanoUsd)> {
    let texts: BTreeMap<String, &str> = items
        .iter()
        .filter_map(|item| Some((item.content.hash(to), item.content.text()?.as_str())))
        .collect();
    vectors.ledger.admit(business).await?;
    vectors.embed(business, to, &texts).await
}
