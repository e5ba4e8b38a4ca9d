//! The source of an import: a Chroma directory or a JSONL file, detected from the path.

use std::path::Path;

use crate::{
    chroma::Collection,
    jsonl::Lines,
    order::Order,
    record::{Flaw, Record},
};

/// Why a source cannot be read at all. Problems with single vectors are counted instead.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct SourceError {
    path: String,
    reason: String,
}

impl SourceError {
    pub(crate) fn new(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self { path: path.display().to_string(), reason: reason.to_string() }
    }
}

/// An opened source.
pub(crate) enum Source {
    Chroma(Box<Collection>),
    Jsonl(Lines),
}

impl Source {
    pub(crate) fn open(order: &Order) -> Result<Self, SourceError> {
        if order.from.is_dir() {
            return Ok(Self::Chroma(Box::new(Collection::open(
                &order.from,
                order.collection.as_deref(),
            )?)));
        }
        Ok(Self::Jsonl(Lines::open(&order.from)?))
    }

    /// The number of vectors.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Chroma(collection) => collection.len(),
            Self::Jsonl(lines) => lines.len(),
        }
    }

    /// Every vector in turn.
    pub(crate) fn records(self) -> Box<dyn Iterator<Item = Result<Record, Flaw>>> {
        match self {
            Self::Chroma(collection) => Box::new(collection.records()),
            Self::Jsonl(lines) => Box::new(lines),
        }
    }

    /// The source's distance function, if it is not the cosine.
    pub(crate) fn other_space(&self) -> Option<&str> {
        match self {
            Self::Chroma(collection) => Some(collection.space()).filter(|space| *space != "cosine"),
            Self::Jsonl(_) => None,
        }
    }
}
