//! Reads a collection of a Chroma persist directory, as `chromadb` 1.x leaves it on disk.
//!
//! `chroma.sqlite3` holds collections, ids, metadata, documents and a queue of changes. The vectors
//! are in a folder named after the collection's vector segment, written whenever `sync_threshold`
//! changes have come together; what came later is in the queue alone. Each segment's `max_seq_id`
//! is the last change it holds, and everything behind it has to be applied here, as Chroma would
//! when it opens the directory. The two segments may be at different places of the queue.

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
use catalog::Found;
use queue::{Change, Operation};
use segment::Segment;

const FILE: &str = "chroma.sqlite3";
/// How Chroma names a record's document among its metadata.
const DOCUMENT: &str = "chroma:document";

/// A collection, as it is after the whole queue has been applied. Vectors stay on disk until they
/// are asked for.
pub(crate) struct Collection {
    connection: Connection,
    segment: Option<Segment>,
    records: BTreeMap<String, Known>,
    vectors: HashMap<String, Place>,
    space: String,
}

/// Where a record's metadata is.
#[derive(Default)]
struct Known {
    /// Its row in the metadata segment.
    row: Option<i64>,
    /// Changes in the queue that come on top.
    patches: Vec<i64>,
}

/// Where a record's vector is.
enum Place {
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
        let Found { id, vector_segment, metadata_segment, space } =
            catalog::find(&connection, &path, name)?;
        let segment = Segment::open(&dir.join(&vector_segment.id))?;
        let places =
            |segment: &Segment| segment.ids().map(|(id, row)| (id, Place::Segment(row))).collect();
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

    /// How Chroma measures nearness here: `l2`, `cosine` or `ip`.
    pub(crate) fn space(&self) -> &str {
        &self.space
    }

    /// Every record, by id.
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
        // Chroma keeps nothing without a vector, so a missing one is damage, not a text to be
        // embedded.
        let embedding = match (self.vectors.get(id), &self.segment) {
            (Some(Place::Queue(seq_id)), _) => queue::embedding(&self.connection, *seq_id)?,
            (Some(Place::Segment(row)), Some(segment)) => {
                segment.embedding(*row).map_err(|error| error.to_string())?
            }
            (Some(Place::Segment(_)), None) | (None, _) => {
                return Err("its vector is nowhere in the directory".into());
            }
        };
        Ok(Record { id: id.into(), text, embedding: Some(embedding), metadata })
    }
}

fn apply_to_records(records: &mut BTreeMap<String, Known>, change: &Change) {
    let (id, patch) = (change.id.clone(), change.seq_id);
    match change.operation {
        // Adding what is there already changes nothing.
        Operation::Add => {
            records.entry(id).or_insert_with(|| Known { row: None, patches: vec![patch] });
        }
        Operation::Upsert => records.entry(id).or_default().patches.push(patch),
        Operation::Update => records.get_mut(&id).map_or((), |known| known.patches.push(patch)),
        Operation::Delete => drop(records.remove(&id)),
    }
}

fn apply_to_vectors(vectors: &mut HashMap<String, Place>, change: &Change) {
    let (id, place) = (change.id.clone(), Place::Queue(change.seq_id));
    match change.operation {
        Operation::Delete => drop(vectors.remove(&id)),
        Operation::Add | Operation::Upsert | Operation::Update if !change.has_vector => {}
        Operation::Add => drop(vectors.entry(id).or_insert(place)),
        Operation::Upsert => drop(vectors.insert(id, place)),
        Operation::Update => drop(vectors.get_mut(&id).map(|old| *old = place)),
    }
}
