//! Reads vectors from lines of JSON: `{"id": …, "text": …, "embedding": […], "metadata": {…}}`.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    record::{Flaw, Record},
    source::SourceError,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    text: Option<String>,
    embedding: Option<Vec<f32>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

/// The lines of a file without blank ones.
pub(crate) struct Lines {
    unread: std::io::Lines<BufReader<File>>,
    number: usize,
    count: usize,
    seen: BTreeSet<String>,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        let open =
            || File::open(path).map(BufReader::new).map_err(|error| SourceError::new(path, error));
        let mut count = 0;
        for line in open()?.split(b'\n') {
            let line = line.map_err(|error| SourceError::new(path, error))?;
            count += usize::from(!line.trim_ascii().is_empty());
        }
        Ok(Self { unread: open()?.lines(), number: 0, count, seen: BTreeSet::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    fn record(&mut self, line: &str) -> Result<Record, Flaw> {
        let flaw =
            |problem, reason| Flaw { problem, place: format!("line {}", self.number), reason };
        let Line { id, text, embedding, metadata } =
            serde_json::from_str(line).map_err(|error| flaw("unreadable", error.to_string()))?;
        if !self.seen.insert(id.clone()) {
            return Err(flaw("duplicate_id", format!("`{id}` came before; the first one counts")));
        }
        Ok(Record { id, text, embedding, metadata: metadata.unwrap_or_default() })
    }
}

impl Iterator for Lines {
    type Item = Result<Record, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.unread.next()?;
            self.number += 1;
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => return Some(self.record(&line)),
                Err(error) => {
                    let place = format!("line {}", self.number);
                    return Some(Err(Flaw {
                        problem: "unreadable",
                        place,
                        reason: error.to_string(),
                    }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_records_or_named_problems_with_their_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors.jsonl");
        let text = "{\"id\":\"a\",\"text\":\"one\",\"metadata\":{\"lang\":\"en\"}}\n\n{\"id\":\"b\",\"embedding\":[0.5,1]}\n\
            {\"id\":\"a\"}\nnonsense\n{\"id\":\"c\",\"vector\":[1]}\n";
        std::fs::write(&path, text).unwrap();
        let lines = Lines::open(&path).unwrap();
        assert_eq!(lines.len(), 5);
        let read: Vec<_> = lines.map(|it| it.map_err(|flaw| (flaw.problem, flaw.place))).collect();
        let metadata = Map::from_iter([("lang".to_owned(), "en".into())]);
        let first =
            Record { id: "a".into(), text: Some("one".into()), metadata, ..Record::default() };
        let second =
            Record { id: "b".into(), embedding: Some(vec![0.5, 1.0]), ..Record::default() };
        let flawed = |problem, line: usize| Err((problem, format!("line {line}")));
        let unknown = flawed("unreadable", 6);
        assert_eq!(
            read,
            [Ok(first), Ok(second), flawed("duplicate_id", 4), flawed("unreadable", 5), unknown]
        );
    }
}
