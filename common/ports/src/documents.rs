//! The one storage port: JSON documents with versions, changed only by conditional atomic commits.
//!
//! There are no interactive transactions: under contention they collapse on the cloud store. Every
//! state change is read → pure decision → [`Documents::commit`] under the versions that were read.
//! **An error after a commit may hide a success**, [`StoreError::Conflict`] included: read back and
//! recognise one's own write before deciding again.

mod body;
mod query;

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use body::{Body, Fields};
pub use query::{Comparison, Cursor, Direction, Filter, Query, check_query};

/// The most writes one commit may hold (Firestore allows 500; the port keeps room for its own
/// bookkeeping).
pub const MAX_WRITES: usize = 400;
/// The largest serialised document, in bytes: Firestore's limit is 1 MiB, names and overhead
/// included.
pub const MAX_DOCUMENT_BYTES: usize = 1_000_000;
/// The largest serialised commit, in bytes.
pub const MAX_COMMIT_BYTES: usize = 3 * 1024 * 1024;

/// Where a document lives: a collection path (`tasks`, `tasks/{id}/events`) and an id within it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// Collection path; an odd number of segments separated by `/`.
    pub collection: String,
    /// Id within the collection; holds no `/`.
    pub id: String,
}

impl Key {
    /// A key in a top-level or nested collection.
    pub fn new(collection: impl Into<String>, id: impl Into<String>) -> Self {
        Self { collection: collection.into(), id: id.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.id)
    }
}

/// Which state of a document was seen. Opaque: only equality and the order "written later" mean
/// anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub i64);

/// A stored document as it was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Where it lives.
    pub key: Key,
    /// The state that was read; a commit conditional on it fails once anybody else has written.
    pub version: Version,
    /// Its fields; whoever read the same state shares them.
    pub body: Body,
}

impl Document {
    /// Reads the fields into a stored type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        self.body.read().map_err(|error| {
            StoreError::invalid(&self.key, format!("the stored document cannot be read: {error}"))
        })
    }
}

/// What must hold for a write, or the whole commit fails with [`StoreError::Conflict`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// The document does not exist.
    Absent,
    /// The document exists, in whatever state.
    Exists,
    /// The document exists in exactly this state.
    Version(Version),
}

/// What a write does to its document.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// Replaces (or creates) the whole document.
    Replace(Body),
    /// Sets top-level fields, adds to integer fields (absent counts as 0), removes fields; leaves
    /// the rest. Needs an existing document.
    Merge {
        /// Fields to set.
        set: Fields,
        /// Amounts to add to integer fields.
        increments: BTreeMap<String, i64>,
        /// Fields to remove.
        remove: Vec<String>,
    },
    /// Removes the document.
    Delete,
}

/// One conditional change of one document. A commit holds at most one write a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Write {
    /// The document.
    pub key: Key,
    /// What must hold for it.
    pub precondition: Precondition,
    /// What happens to it.
    pub change: Change,
}

impl Write {
    /// Creates a document that must not exist yet.
    pub fn create<T: Serialize>(key: Key, value: &T) -> Result<Self, StoreError> {
        let body = body_of(&key, value)?;
        Ok(Self { key, precondition: Precondition::Absent, change: Change::Replace(body) })
    }

    /// Replaces a document that is still in the state `version`.
    pub fn replace<T: Serialize>(
        key: Key,
        version: Version,
        value: &T,
    ) -> Result<Self, StoreError> {
        let body = body_of(&key, value)?;
        Ok(Self {
            key,
            precondition: Precondition::Version(version),
            change: Change::Replace(body),
        })
    }

    /// Creates the document when `seen` is `None`, else replaces the state that was seen.
    pub fn put<T: Serialize>(
        key: Key,
        seen: Option<Version>,
        value: &T,
    ) -> Result<Self, StoreError> {
        match seen {
            Some(version) => Self::replace(key, version, value),
            None => Self::create(key, value),
        }
    }

    /// Starts a merge of an existing document; add to it with [`Write::set`], [`Write::increment`],
    /// [`Write::unset`].
    pub fn merge(key: Key, precondition: Precondition) -> Self {
        let change =
            Change::Merge { set: Fields::new(), increments: BTreeMap::new(), remove: Vec::new() };
        Self { key, precondition, change }
    }

    /// Removes a document.
    pub fn delete(key: Key, precondition: Precondition) -> Self {
        Self { key, precondition, change: Change::Delete }
    }

    /// Adds a field to set. Only a merge takes fields; on any other write this changes nothing.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        if let Change::Merge { set, .. } = &mut self.change {
            set.insert(field.into(), value.into());
        }
        self
    }

    /// Adds an integer increment. Only a merge takes increments; on any other write this changes
    /// nothing.
    #[must_use]
    pub fn increment(mut self, field: &str, by: i64) -> Self {
        if let Change::Merge { increments, .. } = &mut self.change {
            *increments.entry(field.into()).or_default() += by;
        }
        self
    }

    /// Adds a field to remove. Only a merge removes fields; on any other write this changes
    /// nothing.
    #[must_use]
    pub fn unset(mut self, field: &str) -> Self {
        if let Change::Merge { remove, .. } = &mut self.change {
            remove.push(field.into());
        }
        self
    }
}

fn body_of<T: Serialize>(key: &Key, value: &T) -> Result<Body, StoreError> {
    Body::of(value)
        .map_err(|error| StoreError::invalid(key, format!("cannot be serialised: {error}")))
}

/// How many bytes of a commit a write takes: those of its fields as JSON text.
pub fn bytes(write: &Write) -> usize {
    match &write.change {
        Change::Replace(body) => body.text().len(),
        Change::Merge { set, .. } => fields_bytes(set),
        Change::Delete => 0,
    }
}

fn fields_bytes(fields: &Fields) -> usize {
    let each = fields.iter().map(|(name, value)| text_bytes(name) + 1 + value_bytes(value));
    enclosed(each)
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text_bytes(text),
        Value::Array(values) => enclosed(values.iter().map(value_bytes)),
        Value::Object(fields) => fields_bytes(fields),
    }
}

/// What stands between brackets, commas included.
fn enclosed(each: impl ExactSizeIterator<Item = usize>) -> usize {
    let commas = each.len().saturating_sub(1);
    2 + commas + each.sum::<usize>()
}

/// A text between quotation marks, as `serde_json` escapes it.
fn text_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..0x20 => 5,
        _ => 0,
    };
    2 + text.len() + text.bytes().map(escaped).sum::<usize>()
}

/// Checks what every adapter refuses alike: limits, one write a document, preconditions that fit
/// the change.
pub fn check_commit(writes: &[Write]) -> Result<(), StoreError> {
    let mut total = 0;
    let mut seen = std::collections::BTreeSet::new();
    if let Some(extra) = writes.get(MAX_WRITES) {
        return Err(StoreError::invalid(
            &extra.key,
            format!("a commit may hold at most {MAX_WRITES} writes"),
        ));
    }
    for write in writes {
        let invalid = |reason: String| Err(StoreError::invalid(&write.key, reason));
        if write.key.id.is_empty() || write.key.id.contains('/') || write.key.collection.is_empty()
        {
            return invalid("a key needs a collection and an id without `/`".into());
        }
        if !seen.insert(&write.key) {
            return invalid("a commit may hold one write a document".into());
        }
        if matches!(write.change, Change::Merge { .. })
            && write.precondition == Precondition::Absent
        {
            return invalid("a merge needs an existing document".into());
        }
        let bytes = bytes(write);
        if bytes > MAX_DOCUMENT_BYTES {
            return invalid(format!(
                "the document has {bytes} bytes; the limit is {MAX_DOCUMENT_BYTES}"
            ));
        }
        total += bytes;
        if total > MAX_COMMIT_BYTES {
            return invalid(format!("the commit has more than {MAX_COMMIT_BYTES} bytes"));
        }
    }
    Ok(())
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// A precondition did not hold: read again and decide again.
    #[error("`{0}` was changed by somebody else")]
    Conflict(Key),
    /// The request can never succeed as it is.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The document it is about.
        key: Key,
        /// Why the store refused the write.
        reason: String,
    },
    /// The store cannot be reached or did not answer; a commit may or may not have taken effect.
    #[error("the document store is unavailable: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// An [`StoreError::Invalid`] about `key`.
    pub fn invalid(key: &Key, reason: String) -> Self {
        Self::Invalid { key: key.clone(), reason }
    }
}

/// A batch of documents that matched a watched query.
pub type Batch = Result<Vec<Document>, StoreError>;

/// Versioned JSON documents.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Reads documents, in the order of `keys`; `None` where there is none.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError>;

    /// Reads one document.
    async fn get_one(&self, key: &Key) -> Result<Option<Document>, StoreError> {
        Ok(self.get(std::slice::from_ref(key)).await?.pop().flatten())
    }

    /// Applies all writes or none, and returns the new versions in their order (a deleted
    /// document's is meaningless), so that commits chain without reads.
    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError>;

    /// Returns one page of matching documents.
    async fn query(&self, query: &Query) -> Result<Vec<Document>, StoreError>;

    /// Follows a query: the first batch is what matches now (perhaps nothing), each later one holds
    /// documents that were written since and match. A document may repeat; none is missed. `after`
    /// and `limit` bound the first batch only. The stream ends only with an error.
    fn watch(&self, query: Query) -> BoxStream<'static, Batch>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_write_takes_the_bytes_of_its_text() {
        let every_character: String = (0..0x300).filter_map(char::from_u32).collect();
        let fields = json!({
            "text": every_character, "\"quoted\"": [], "empty": {}, "list": [1, -20, 3.5, 1e300, true, false, null],
            "nested": { "a": [[], [{}], ["x", { "y": "z\\" }]], "largest": u64::MAX, "smallest": i64::MIN },
        });
        for fields in [json!({}), fields] {
            let text = fields.to_string();
            let write = Write::create(Key::new("c", "a"), &fields).unwrap();
            assert_eq!(bytes(&write), text.len(), "{text}");
            let mut merge = Write::merge(Key::new("c", "a"), Precondition::Exists);
            for (field, value) in fields.as_object().into_iter().flatten() {
                merge = merge.set(field, value.clone());
            }
            assert_eq!(bytes(&merge), text.len(), "{text}");
            assert_eq!(bytes(&Write::delete(Key::new("c", "a"), Precondition::Exists)), 0);
        }
    }
}
