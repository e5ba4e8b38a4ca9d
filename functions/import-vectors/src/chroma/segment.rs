//! Reads the files of a vector segment: an hnswlib index, and the mapping of its labels to ids.
//!
//! `data_level0.bin` is an array of elements of equal size; each holds its links, its vector and
//! its label, at offsets given in `header.bin`. The graph is not used. With the distance `cosine`
//! the vectors were normalised before they were written, which keeps their directions.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufReader},
    os::unix::fs::FileExt as _,
    path::Path,
};

use serde::Deserialize;

use super::queue::floats;
use crate::source::SourceError;

/// The only format version that Chroma's hnswlib has written.
const PERSIST_VERSION: u64 = 1;

/// The fields used of `index_metadata.pickle`.
#[derive(Deserialize)]
struct IndexMetadata {
    id_to_label: HashMap<String, u64>,
}

/// An opened segment.
pub(super) struct Segment {
    data: File,
    layout: Layout,
    rows: HashMap<String, u64>,
}

/// Layout of `data_level0.bin`, in bytes.
struct Layout {
    elements: u64,
    element: u64,
    label: u64,
    vector: u64,
}

impl Segment {
    /// Opens the segment in a folder; `None` if nothing was written there yet.
    pub(super) fn open(dir: &Path) -> Result<Option<Self>, SourceError> {
        let path = dir.join("index_metadata.pickle");
        let metadata = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SourceError::new(&path, error)),
        };
        let metadata: IndexMetadata =
            serde_pickle::from_reader(metadata, serde_pickle::DeOptions::new())
                .map_err(|error| SourceError::new(&path, error))?;
        let path = dir.join("header.bin");
        let header = fs::read(&path).map_err(|error| SourceError::new(&path, error))?;
        let layout = Layout::read(&header).map_err(|reason| SourceError::new(&path, reason))?;
        let path = dir.join("data_level0.bin");
        let unreadable = |error: io::Error| SourceError::new(&path, error);
        let data = File::open(&path).map_err(unreadable)?;
        if layout
            .elements
            .checked_mul(layout.element)
            .is_none_or(|bytes| bytes > data.metadata().map_or(0, |it| it.len()))
        {
            return Err(SourceError::new(&path, "it is shorter than header.bin says"));
        }
        let labels = labels(&data, &layout).map_err(unreadable)?;
        let rows = metadata.id_to_label.into_iter();
        let rows = rows.filter_map(|(id, label)| Some((id, *labels.get(&label)?))).collect();
        Ok(Some(Self { data, layout, rows }))
    }

    /// Every id with its row.
    pub(super) fn ids(&self) -> impl Iterator<Item = (String, u64)> {
        self.rows.iter().map(|(id, row)| (id.clone(), *row))
    }

    /// The vector in a row.
    pub(super) fn embedding(&self, row: u64) -> io::Result<Vec<f32>> {
        let bytes =
            usize::try_from(self.layout.label - self.layout.vector).map_err(io::Error::other)?;
        let mut vector = vec![0; bytes];
        self.data.read_exact_at(&mut vector, row * self.layout.element + self.layout.vector)?;
        Ok(floats(&vector))
    }
}

impl Layout {
    fn read(header: &[u8]) -> Result<Self, String> {
        let (Some(head), Some(tail)) = (header.get(..4), header.get(4..)) else {
            return Err("it is cut short".into());
        };
        let version = head.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        if version != PERSIST_VERSION {
            return Err(format!("version {version} of the index's format is not known"));
        }
        let (numbers, _) = tail.as_chunks::<8>();
        // Offset of the first element, capacity, number of elements, size of an element, and the
        // offsets of its label and its vector.
        let [0, _, elements, element, label, vector, ..] =
            numbers.iter().map(|it| u64::from_le_bytes(*it)).collect::<Vec<_>>()[..]
        else {
            return Err("it is cut short".into());
        };
        if vector > label || label.checked_add(8).is_none_or(|end| end > element) {
            return Err("it contradicts itself".into());
        }
        Ok(Self { elements, element, label, vector })
    }
}

/// Maps labels to rows.
fn labels(data: &File, layout: &Layout) -> io::Result<HashMap<u64, u64>> {
    let mut label = [0; 8];
    (0..layout.elements)
        .map(|row| {
            data.read_exact_at(&mut label, row * layout.element + layout.label)?;
            Ok((u64::from_le_bytes(label), row))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_header_is_refused() {
        let header = |version: u32, numbers: [u64; 6]| {
            let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
            Layout::read(&version.to_le_bytes().into_iter().chain(numbers).collect::<Vec<_>>())
                .err()
        };
        assert_eq!(header(1, [0, 8, 3, 156, 148, 132]), None);
        assert!(header(2, [0, 8, 3, 156, 148, 132]).unwrap().contains("version 2"));
        assert_eq!(header(1, [0, 8, 3, 156, 149, 132]).unwrap(), "it contradicts itself");
        assert_eq!(header(1, [0, 8, 3, 156, 148, 149]).unwrap(), "it contradicts itself");
        assert_eq!(Layout::read(&[1, 0, 0]).err().unwrap(), "it is cut short");
    }
}
