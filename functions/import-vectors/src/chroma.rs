//! Reads a collection from a Chroma persist directory, as `chromadb` 1.x writes it.
//!
//! `chroma.sqlite3` holds collections, ids, metadata, documents and a queue of changes. The vectors
//! are in a folder named after the collection's vector segment, which is written after every
//! `sync_threshold` changes; later changes are only in the queue. A segment's `max_seq_id` is the
//! last change that it includes; later ones must be applied here, as Chroma does when it opens the
//! directory. The two segments may have different positions in the queue.

mod catalog;
mod queue;
mod rows;
mod segment;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use rusqlite::{Connection, OpenFlags};
use serde_json::Map;

use crate::{
    record::{Flaw, Record},
    source::SourceError,
};
use catalog::FoundCollection;
use queue::{Change, Operation};
use segment::Segment;

const FILE: &str = "chroma.sqlite3";
/// Chroma's metadata key for a record's document.
const DOCUMENT: &str = "chroma:document";

/// A collection after the whole queue has been applied. Vectors stay on disk until they are
/// requested.
pub(crate) struct Collection {
    connection: Connection,
    segment: Option<Segment>,
    records: BTreeMap<String, MetadataSource>,
    vectors: HashMap<String, VectorSource>,
    space: String,
}

/// Where a record's metadata is stored.
#[derive(Default)]
struct MetadataSource {
    /// Its row in the metadata segment.
    row: Option<i64>,
    /// Later changes in the queue.
    patches: Vec<i64>,
}

/// Where a record's vector is stored.
enum VectorSource {
    Segment(u64),
    Queue(i64),
}

impl Collection {
    /// Opens the collection of this name, or the only one.
    pub(crate) fn open(dir: &Path, name: Option<&str>) -> Result<Self, SourceError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(SourceError::new(
                dir,
                format!("it is no Chroma directory: {FILE} is missing"),
            ));
        }
        let unreadable = |error: rusqlite::Error| SourceError::new(&path, error);
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(unreadable)?;
        let FoundCollection { id, vector_segment, metadata_segment, space } =
            catalog::find(&connection, &path, name)?;
        let segment = Segment::open(&dir.join(&vector_segment.id))?;
        let places = |segment: &Segment| {
            segment.ids().map(|(id, row)| (id, VectorSource::Segment(row))).collect()
        };
        let mut vectors = segment.as_ref().map_or_else(HashMap::new, places);
        let mut records = rows::ids(&connection, &metadata_segment.id).map_err(unreadable)?;
        let behind = vector_segment.max_seq_id.min(metadata_segment.max_seq_id);
        for change in queue::after(&connection, &id, behind).map_err(unreadable)? {
            if change.seq_id > metadata_segment.max_seq_id {
                apply_to_records(&mut records, &change);
            }
            if change.seq_id > vector_segment.max_seq_id {
                apply_to_vectors(&mut vectors, &change);
            }
        }
        Ok(Self { connection, segment, records, vectors, space })
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The distance function of the collection: `l2`, `cosine` or `ip`.
    pub(crate) fn space(&self) -> &str {
        &self.space
    }

    /// Every record, ordered by id.
    pub(crate) fn records(self: Box<Self>) -> impl Iterator<Item = Result<Record, Flaw>> {
        let ids: Vec<String> = self.records.keys().cloned().collect();
        ids.into_iter().map(move |id| {
            self.record(&id).map_err(|reason| Flaw { problem: "unreadable", place: id, reason })
        })
    }

    fn record(&self, id: &str) -> Result<Record, String> {
        let mut metadata = Map::new();
        if let Some(known) = self.records.get(id) {
            if let Some(row) = known.row {
                metadata =
                    rows::metadata(&self.connection, row).map_err(|error| error.to_string())?;
            }
            for seq_id in &known.patches {
                for (name, value) in queue::metadata(&self.connection, *seq_id)? {
                    if value.is_null() {
                        metadata.remove(&name);
                    } else {
                        metadata.insert(name, value);
                    }
                }
            }
        }
        let text = metadata.remove(DOCUMENT).and_then(|text| text.as_str().map(Into::into));
        // Chroma stores nothing without a vector, so a missing vector is damage and not a text to
        // be embedded.
        let embedding = match (self.vectors.get(id), &self.segment) {
            (Some(VectorSource::Queue(seq_id)), _) => queue::embedding(&self.connection, *seq_id)?,
            (Some(VectorSource::Segment(row)), Some(segment)) => {
                segment.embedding(*row).map_err(|error| error.to_string())?
            }
            (Some(VectorSource::Segment(_)), None) | (None, _) => {
                return Err("its vector is nowhere in the directory".into());
            }
        };
        Ok(Record { id: id.into(), text, embedding: Some(embedding), metadata })
    }
}

fn apply_to_records(records: &mut BTreeMap<String, MetadataSource>, change: &Change) {
    let (id, patch) = (change.id.clone(), change.seq_id);
    match change.operation {
        // Adding an existing record changes nothing.
        Operation::Add => {
            records.entry(id).or_insert_with(|| MetadataSource { row: None, patches: vec![patch] });
        }
        Operation::Upsert => records.entry(id).or_default().patches.push(patch),
        Operation::Update => records.get_mut(&id).map_or((), |known| known.patches.push(patch)),
        Operation::Delete => drop(records.remove(&id)),
    }
}

fn apply_to_vectors(vectors: &mut HashMap<String, VectorSource>, change: &Change) {
    let (id, place) = (change.id.clone(), VectorSource::Queue(change.seq_id));
    match change.operation {
        Operation::Delete => drop(vectors.remove(&id)),
        Operation::Add | Operation::Upsert | Operation::Update if !change.has_vector => {}
        Operation::Add => drop(vectors.entry(id).or_insert(place)),
        Operation::Upsert => drop(vectors.insert(id, place)),
        Operation::Update => drop(vectors.get_mut(&id).map(|old| *old = place)),
    }
}
