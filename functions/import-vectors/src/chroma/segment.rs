//! The files of a vector segment: an hnswlib index, and which of its labels is which id.
//!
//! `data_level0.bin` is an array of elements of equal size; each holds its links, its vector and
//! its label, and `header.bin` says where. The graph does not matter here. With the space `cosine`
//! the vectors were normalised before they were written; their directions, which is all that
//! counts, are the same.

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

/// The only format that hnswlib as Chroma ships it has written.
const PERSIST_VERSION: u64 = 1;

/// What is used of `index_metadata.pickle`.
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

/// Where things are in `data_level0.bin`, in bytes.
struct Layout {
    elements: u64,
    element: u64,
    label: u64,
    vector: u64,
}

impl Segment {
    /// Opens the segment in a folder; `None` when nothing has been written there yet.
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
        // Offset of the first element, capacity, elements, size of one, and where its label and its
        // vector are.
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

/// Which row has which label.
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
