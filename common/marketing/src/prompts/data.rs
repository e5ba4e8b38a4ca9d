//! The data half of a prompt: named blocks of JSON that no text inside can close.

use crate::artefact::{Kind, PriorArtefacts};
use serde::Serialize;
use serde_json::json;

/// Blocks in the order they were added.
pub(crate) struct Data<'a> {
    prior: &'a PriorArtefacts,
    text: String,
}

impl<'a> Data<'a> {
    /// What every prompt carries: the brief and the day. The documents are left to the evidence
    /// step; all others read what it found in them.
    pub(crate) fn of(prior: &'a PriorArtefacts) -> Self {
        Self { prior, text: String::new() }
            .block("brief", &prior.brief.without_documents())
            .block("today", &prior.today)
    }

    /// Adds a block.
    pub(crate) fn block(mut self, name: &str, value: &impl Serialize) -> Self {
        self.text.push_str(&block(name, value));
        self
    }

    /// Adds earlier artefacts, whole, those that exist.
    pub(crate) fn artefacts(self, kinds: &[Kind]) -> Self {
        kinds.iter().fold(self, |data, kind| match data.prior.get_json(*kind) {
            Some(artefact) => data.block(kind.as_str(), &artefact),
            None => data,
        })
    }

    /// Adds the texts that evidence may quote.
    pub(crate) fn documents(self) -> Self {
        let documents: Vec<_> = self
            .prior
            .documents
            .iter()
            .map(|source| {
                json!({
                    "id": source.id, "kind": source.kind, "title": source.title, "url": source.url,
                    "publisher": source.publisher, "text": source.text,
                })
            })
            .collect();
        self.block("documents", &documents)
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// One block. A `<` inside is escaped, which JSON allows in strings and needs nowhere else.
pub(crate) fn block(name: &str, value: &impl Serialize) -> String {
    let Ok(value) = serde_json::to_value(value) else { return String::new() };
    let encoded = value.to_string().replace('<', "\\u003c");
    format!("<data name=\"{name}\">{encoded}</data>\n")
}
