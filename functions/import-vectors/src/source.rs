//! Where vectors come from: a Chroma directory or a JSONL file, told apart by what is there.

use std::path::Path;

use crate::{
    chroma::Collection,
    jsonl::Lines,
    order::Order,
    record::{Flaw, Record},
};

/// A source that cannot be read at all. What is wrong with single vectors is counted instead.
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

    /// How many vectors there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Chroma(collection) => collection.len(),
            Self::Jsonl(lines) => lines.len(),
        }
    }

    /// Every vector, one after the other.
    pub(crate) fn records(self) -> Box<dyn Iterator<Item = Result<Record, Flaw>>> {
        match self {
            Self::Chroma(collection) => Box::new(collection.records()),
            Self::Jsonl(lines) => Box::new(lines),
        }
    }

    /// How the source measures nearness, where that is not by the cosine.
    pub(crate) fn other_space(&self) -> Option<&str> {
        match self {
            Self::Chroma(collection) => Some(collection.space()).filter(|space| *space != "cosine"),
            Self::Jsonl(_) => None,
        }
    }
}
