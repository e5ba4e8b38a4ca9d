//! A vector of the source, and whether it can be stored.

use domain::{
    digest,
    vector::{Unfit, check_embedding, check_id, check_metadata, check_text},
};
use serde_json::{Map, Value, json};

/// A vector as read from the source.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) text: Option<String>,
    pub(crate) embedding: Option<Vec<f32>>,
    pub(crate) metadata: Map<String, Value>,
}

/// Why a vector of the source is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Flaw {
    /// The kind of problem: a stable name to count by.
    pub(crate) problem: &'static str,
    /// The record's id, or its line number.
    pub(crate) place: String,
    pub(crate) reason: String,
}

impl Record {
    /// The record as it is sent. With `embed_texts` its own embedding is dropped.
    pub(crate) fn fitted(mut self, embed_texts: bool) -> Result<Self, Flaw> {
        self.text = self.text.filter(|text| !text.trim().is_empty());
        if embed_texts {
            self.embedding = None;
        }
        if self.text.is_none() && self.embedding.is_none() {
            let reason =
                if embed_texts { "it has no text" } else { "it has neither text nor embedding" };
            return Err(Flaw { problem: "no_content", place: self.id, reason: reason.into() });
        }
        let checked = check_id(&self.id)
            .and_then(|()| self.text.as_deref().map_or(Ok(()), check_text))
            .and_then(|()| self.embedding.as_deref().map_or(Ok(()), check_embedding))
            .and_then(|()| check_metadata(&self.metadata));
        match checked {
            Ok(()) => Ok(self),
            Err(Unfit { problem, field, reason }) => {
                Err(Flaw { problem, place: self.id, reason: format!("{field}: {reason}") })
            }
        }
    }

    /// Estimated size in a request, in bytes; rather too large.
    pub(crate) fn bytes(&self) -> usize {
        const NUMBER: usize = 14;
        let text = self.text.as_ref().map_or(0, String::len);
        let embedding = self.embedding.as_ref().map_or(0, |embedding| embedding.len() * NUMBER);
        let metadata = self
            .metadata
            .iter()
            .map(|(name, value)| name.len() + value.as_str().map_or(NUMBER, str::len));
        // A character may be escaped.
        self.id.len() + 2 * text + embedding + 2 * metadata.sum::<usize>()
    }

    /// The item in a request to `vector-upsert`.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "id": self.id, "metadata": self.metadata });
        if let Some(text) = &self.text {
            body["text"] = text.as_str().into();
        }
        if let Some(embedding) = &self.embedding {
            body["embedding"] = json!(embedding);
        }
        body
    }

    /// Hash of all content.
    pub(crate) fn content_hash(&self) -> String {
        digest(&[&self.body().to_string()])
    }
}

#[cfg(test)]
mod tests {
    use domain::vector::DIMENSIONS;

    use super::*;

    #[test]
    fn an_unstorable_record_has_a_named_problem() {
        let embedding = |dimensions: usize| Some(vec![0.5; dimensions]);
        let good = Record { id: "a".into(), embedding: embedding(DIMENSIONS), ..Record::default() };
        assert_eq!(good.clone().fitted(false), Ok(good.clone()));
        let check = |record: Record, embed_texts: bool, problem: &str| {
            assert_eq!(record.fitted(embed_texts).unwrap_err().problem, problem);
        };
        check(Record { id: "a/b".into(), ..good.clone() }, false, "id_not_allowed");
        check(Record { embedding: embedding(384), ..good.clone() }, false, "wrong_dimensions");
        check(
            Record { embedding: Some(vec![0.0; DIMENSIONS]), ..good.clone() },
            false,
            "no_direction",
        );
        check(Record { text: Some("x".repeat(32_001)), ..good.clone() }, false, "text_too_long");
        check(
            Record { embedding: None, text: Some(" ".into()), ..good.clone() },
            false,
            "no_content",
        );
        check(good.clone(), true, "no_content");
        let metadata = Map::from_iter([("tags".to_owned(), json!(["a"]))]);
        check(Record { metadata, ..good }, false, "metadata_value");
    }

    #[test]
    fn a_wrong_sized_embedding_can_be_replaced() {
        let small = Record {
            id: "a".into(),
            text: Some("t".into()),
            embedding: Some(vec![1.0; 384]),
            ..Record::default()
        };
        assert_eq!(small.clone().fitted(true), Ok(Record { embedding: None, ..small }));
    }
}
