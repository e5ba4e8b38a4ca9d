//! Rules for every text of an artefact: G1 (unique ids), G2 (placeholders), G4 (filler), and
//! helpers for G7 (dates) and G8 (repetition).

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::{
    finding::Findings,
    similarity::{ALIKE, share, similarity, tokens},
};

/// Placeholders that an author left for later.
const PLACEHOLDERS: [&str; 9] = [
    "lorem ipsum",
    "[insert",
    "[your",
    "<insert",
    "example.com",
    "to be determined",
    "to be defined",
    "xxx",
    "{{",
];
/// Placeholders that are single words.
const PLACEHOLDER_WORDS: [&str; 2] = ["tbd", "tba"];
/// Filler phrases that fit any company's marketing.
const FILLER: [&str; 16] = [
    "streamline",
    "unlock",
    "seamless",
    "cutting-edge",
    "cutting edge",
    "one-stop",
    "game-changing",
    "game changer",
    "next-level",
    "best-in-class",
    "world-class",
    "supercharge",
    "revolutionize",
    "elevate your",
    "empower",
    "state-of-the-art",
];
/// The largest share of sentences with filler.
const MAX_FILLER: f64 = 0.05;
/// Fields with other authors' texts: quotes stay as they are.
const FOREIGN: [&str; 2] = ["quote", "sources"];

/// Checks every text of `artefact`.
pub(super) fn check(findings: &mut Findings, artefact: &impl Serialize) {
    let Ok(value) = serde_json::to_value(artefact) else { return };
    let mut walk = Walk { findings, ids: BTreeSet::new(), sentences: 0, filler: Vec::new() };
    walk.value("", &value);
    if share(walk.filler.len(), walk.sentences) > MAX_FILLER {
        let words: BTreeSet<&str> = walk.filler.iter().copied().collect();
        let words = words.into_iter().collect::<Vec<_>>().join(", ");
        findings.warning(
            "G4",
            "",
            format!("too many sentences could stand anywhere ({words}); say what is particular"),
        );
    }
}

struct Walk<'a> {
    findings: &'a mut Findings,
    ids: BTreeSet<String>,
    sentences: usize,
    filler: Vec<&'static str>,
}

impl Walk<'_> {
    fn value(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(path, text),
            Value::Array(entries) => {
                for (i, entry) in entries.iter().enumerate() {
                    self.value(&format!("{path}[{i}]"), entry);
                }
            }
            Value::Object(fields) => {
                for (name, field) in
                    fields.iter().filter(|(name, _)| !FOREIGN.contains(&name.as_str()))
                {
                    let path =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    if name == "id" {
                        self.id(&path, field);
                    }
                    self.value(&path, field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Ids of alternatives and attributes must only be unique within their option, which
    /// positioning checks.
    fn id(&mut self, path: &str, id: &Value) {
        let Some(id) = id.as_str() else { return };
        let local = id.starts_with("alt_") || id.starts_with("atr_");
        if !local && !self.ids.insert(id.into()) {
            self.findings.error(
                "G1",
                path,
                format!("the id `{id}` is used twice; give each thing its own"),
            );
        }
    }

    fn text(&mut self, path: &str, text: &str) {
        if text.trim().is_empty() {
            self.findings.error("G2", path, "is empty; write it out");
            return;
        }
        let lower = text.to_lowercase();
        let unfinished = PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder));
        if unfinished || PLACEHOLDER_WORDS.iter().any(|word| mentions(text, word)) {
            self.findings.error("G2", path, "holds a placeholder; write out what is meant");
        }
        for sentence in lower
            .split(['.', '!', '?'])
            .filter(|sentence| sentence.split_whitespace().nth(2).is_some())
        {
            self.sentences += 1;
            self.filler.extend(FILLER.iter().find(|filler| sentence.contains(*filler)));
        }
    }
}

/// G8: no two entries of a list say the same. Short texts count as the same only if they are equal,
/// because few words often overlap.
pub(super) fn distinct<'a>(
    findings: &mut Findings,
    rule: &str,
    path: &str,
    texts: impl IntoIterator<Item = &'a str>,
) {
    let texts: Vec<&str> = texts.into_iter().collect();
    for (i, one) in texts.iter().enumerate() {
        for (j, other) in texts.iter().enumerate().skip(i + 1) {
            if repeats(one, other) {
                findings.error(
                    rule,
                    format!("{path}[{j}]"),
                    format!("says the same as {path}[{i}]; replace one of them"),
                );
            }
        }
    }
}

/// Whether one text repeats the other.
pub(super) fn repeats(one: &str, other: &str) -> bool {
    let (first, second) = (tokens(one), tokens(other));
    let long = first.len().min(second.len()) >= 5;
    if long { similarity(one, other) > ALIKE } else { !first.is_empty() && first == second }
}

/// G7: a planned date is an ISO date and not in the past.
pub(super) fn planned_date(
    findings: &mut Findings,
    path: &str,
    text: &str,
    today: Date,
) -> Option<Date> {
    let Ok(date) = text.parse::<Date>() else {
        findings.error("G7", path, format!("`{text}` is not a date; write yyyy-mm-dd"));
        return None;
    };
    if date < today {
        findings.error("G7", path, format!("{date} has passed; today is {today}"));
    }
    Some(date)
}

/// The number of words in a text.
pub(super) fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Whether a text contains a phrase as whole words, ignoring case.
pub(super) fn mentions(text: &str, phrase: &str) -> bool {
    let spaced = |text: &str| {
        let lower = text.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        format!(" {} ", words.join(" "))
    };
    spaced(text).contains(&spaced(phrase))
}
