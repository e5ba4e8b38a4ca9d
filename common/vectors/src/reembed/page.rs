//! A page of a business's vectors, in groups that are always the same.

use domain::{BusinessId, digest};
use ports::{Document, Query, StoreError, documents::Cursor};

use crate::{Vectors, documents::VectorDoc, keep::GROUP_BYTES};

/// Vectors of one request: some five calls for embeddings.
const PAGE: usize = 300;
/// Vectors of one call at most; on average there are half as many.
const MOST_ITEMS: usize = 128;
/// A group ends behind an id whose digest begins with less than this: one in sixty-four.
const END: &str = "04";

/// A vector as it is stored.
pub(super) struct Stored {
    pub(super) document: Document,
    pub(super) vector: VectorDoc,
}

/// Some vectors by id.
pub(super) struct Page {
    pub(super) groups: Vec<Vec<Stored>>,
    /// The document of the last of them.
    pub(super) last: Option<String>,
    /// Whether there are none behind it.
    pub(super) is_last: bool,
}

impl Page {
    /// The vectors behind an id.
    pub(super) async fn read(
        vectors: &Vectors,
        business: &BusinessId,
        after: Option<&str>,
    ) -> Result<Self, StoreError> {
        let mut query =
            Query::collection("vectors").equal("business", business.as_str()).limit(PAGE);
        query.after = after.map(|id| Cursor { value: None, id: id.into() });
        let found = vectors.documents.query(&query).await?;
        let is_last = found.len() < PAGE;
        let mut groups = grouped(found.into_iter().map(Stored::of).collect::<Result<_, _>>()?);
        // The end of the last group is on the next page.
        if !is_last {
            groups.pop();
        }
        let last =
            groups.last().and_then(|group| group.last()).map(|last| last.document.key.id.clone());
        Ok(Self { groups, last, is_last })
    }

    pub(super) fn len(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }
}

impl Stored {
    pub(super) fn of(document: Document) -> Result<Self, StoreError> {
        Ok(Self { vector: document.read()?, document })
    }

    fn bytes(&self) -> usize {
        let metadata = self
            .vector
            .metadata
            .iter()
            .map(|(name, value)| name.len() + value.as_str().map_or(8, str::len));
        self.vector.text.as_ref().map_or(0, String::len) + metadata.sum::<usize>()
    }
}

/// Groups that end where an id says so: a vector that comes or goes changes its own group and
/// hardly ever another, and the calls of all others are found paid.
fn grouped(vectors: Vec<Stored>) -> Vec<Vec<Stored>> {
    let mut groups: Vec<Vec<Stored>> = Vec::new();
    let (mut is_open, mut bytes) = (false, 0);
    for stored in vectors {
        let more = stored.bytes();
        let is_end = digest(&[&stored.vector.id]).as_str() < END;
        let fits = |group: &&mut Vec<Stored>| {
            is_open && group.len() < MOST_ITEMS && bytes + more <= GROUP_BYTES
        };
        if let Some(group) = groups.last_mut().filter(fits) {
            group.push(stored);
        } else {
            groups.push(vec![stored]);
            bytes = 0;
        }
        bytes += more;
        is_open = !is_end;
    }
    groups
}
