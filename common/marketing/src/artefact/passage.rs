//! Passages from the knowledge base that research reads in addition to the brief.

use std::collections::BTreeSet;

use domain::vector::Passage;

use super::{
    evidence::SourceKind,
    prior_artefacts::{DocumentPart, SourceText},
};
use crate::brief::Brief;

/// The most bytes of passages in one analysis: about four thousand tokens.
pub const MOST_BYTES: usize = 16 * 1024;
/// The most characters of one question; longer questions find no more.
const MOST_QUESTION_CHARS: usize = 1_500;
/// Marks a gap between two passages of a text.
const GAP: &str = "\n\n[…]\n\n";

/// The questions to search the knowledge base with: what the business does and wants, its customers
/// and its competitors.
pub fn questions(brief: &Brief) -> Vec<String> {
    let goals: Vec<&str> = brief.goals.iter().map(|goal| goal.text.as_str()).collect();
    let offers: Vec<&str> = brief.offer.iter().map(|offer| offer.name.as_str()).collect();
    let questions = [
        brief.description.clone(),
        format!("{} {}: {}", brief.industry, brief.location, goals.join(". ")),
        format!("customers, their problems, prices, results: {} {}", brief.name, offers.join(", ")),
        format!("competitors, alternatives, market: {}", brief.known_competitors.join(", ")),
    ];
    questions
        .into_iter()
        .map(|question| question.chars().take(MOST_QUESTION_CHARS).collect())
        .collect()
}

/// Selects from the results of several searches, each ordered by nearness. The searches take turns,
/// so that each contributes.
pub fn choose(found: Vec<Vec<Passage>>) -> Vec<Passage> {
    let longest = found.iter().map(Vec::len).max().unwrap_or_default();
    let mut rankings: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
    let (mut seen, mut chosen, mut bytes) = (BTreeSet::new(), Vec::new(), 0);
    for _ in 0..longest {
        for passage in rankings.iter_mut().filter_map(Iterator::next) {
            let fits = bytes + passage.text.len() <= MOST_BYTES;
            if fits && seen.insert((passage.document_id.clone(), passage.start)) {
                bytes += passage.text.len();
                chosen.push(passage);
            }
        }
    }
    chosen
}

/// The passages as sources that evidence may quote, `src_kept_1` and so on: one per document, with
/// its parts in order.
pub fn sources(passages: &[Passage]) -> Vec<SourceText> {
    let mut ids: Vec<&str> = Vec::new();
    for passage in passages {
        if !ids.contains(&passage.document_id.as_str()) {
            ids.push(&passage.document_id);
        }
    }
    let source = |(index, id): (usize, &str)| {
        let mut parts: Vec<&Passage> =
            passages.iter().filter(|passage| passage.document_id == id).collect();
        parts.sort_by_key(|passage| passage.start);
        let first = parts.first()?;
        let (text, located) = joined(&parts);
        Some(SourceText {
            id: format!("src_kept_{}", index + 1),
            kind: SourceKind::UserDoc,
            title: first.title.clone(),
            url: first.url.clone(),
            publisher: first.publisher.clone(),
            document_id: Some(id.into()),
            text,
            parts: located,
        })
    };
    ids.into_iter().enumerate().filter_map(source).collect()
}

/// The parts joined into one text without their overlaps, and the offsets of each in the text and
/// in the document.
fn joined(passages: &[&Passage]) -> (String, Vec<DocumentPart>) {
    let (mut text, mut at) = (String::new(), 0);
    let mut parts: Vec<DocumentPart> = Vec::new();
    for passage in passages {
        let read_to = parts.last().map_or(0, |part| part.start + part.length);
        let goes_on = parts.last().is_some() && passage.start <= read_to;
        let repeated = if goes_on { read_to - passage.start } else { 0 };
        let fresh: String = passage.text.chars().skip(repeated).collect();
        let length = fresh.chars().count();
        match parts.last_mut() {
            Some(part) if goes_on => part.length += length,
            last => {
                if last.is_some() {
                    text.push_str(GAP);
                    at += GAP.chars().count();
                }
                parts.push(DocumentPart { at, start: passage.start, length });
            }
        }
        text.push_str(&fresh);
        at += length;
    }
    (text, parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::evidence::Offsets;

    fn passage(document: &str, start: usize, text: &str) -> Passage {
        Passage {
            document_id: document.into(),
            title: format!("About {document}"),
            url: None,
            publisher: None,
            start,
            text: text.into(),
        }
    }

    #[test]
    fn searches_alternate_without_repeating_a_passage() {
        let found = vec![
            vec![passage("a", 0, "first"), passage("a", 90, "third")],
            vec![passage("a", 0, "first"), passage("b", 0, "fourth")],
            vec![passage("c", 0, "second")],
        ];
        let texts: Vec<String> = choose(found).into_iter().map(|passage| passage.text).collect();
        assert_eq!(texts, ["first", "second", "third", "fourth"]);
    }

    #[test]
    fn a_passage_that_does_not_fit_is_skipped() {
        let long = "x".repeat(MOST_BYTES - 4);
        let found = vec![vec![
            passage("a", 0, &long),
            passage("a", 1, "too long"),
            passage("b", 0, "fits"),
        ]];
        let chosen: Vec<String> =
            choose(found).into_iter().map(|passage| passage.document_id).collect();
        assert_eq!(chosen, ["a", "b"]);
    }

    #[test]
    fn a_quote_is_located_in_its_whole_document() {
        let document = "Berths are given by phone. It takes two hours a day. Nobody likes it. Guests wait at sea.";
        let cut = |start: usize, end: usize| passage("d", start, &document[start..end]);
        // The second passage overlaps the first; between the second and the third is a gap.
        let sources =
            sources(&[cut(53, 69), cut(0, 30), cut(27, 52), passage("e", 0, "Elsewhere.")]);
        assert_eq!(sources.len(), 2);
        let source = &sources[0];
        assert_eq!((source.id.as_str(), source.document_id.as_deref()), ("src_kept_1", Some("d")));
        assert_eq!(source.text, format!("{}{GAP}{}", &document[0..52], &document[53..69]));
        for quote in ["Berths are given", "by phone. It takes two hours", "Nobody likes it."] {
            let start = document.find(quote).unwrap();
            assert_eq!(
                source.locate(quote),
                Some(Offsets { start, end: start + quote.len() }),
                "{quote}"
            );
        }
        assert_eq!(source.locate("hours a day. […] Nobody likes"), None);
    }

    #[test]
    fn every_brief_gives_at_least_one_search() {
        let brief: Brief = serde_json::from_str(include_str!("testdata/brief.json")).unwrap();
        let questions = questions(&Brief { description: "é".repeat(5_000), ..brief });
        assert_eq!(questions[0].chars().count(), MOST_QUESTION_CHARS);
        assert!(questions.iter().all(|question| !question.trim().is_empty()));
    }
}
