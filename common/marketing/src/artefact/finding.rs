//! What a rule found wrong, said so that the author can change it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The artefact must be repaired before it may be used.
    Error,
    /// It is delivered, and the reader is told.
    Warning,
}

/// A broken rule. The message goes back to the model in a repair round and is shown to readers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, such as `P2`; `shape` for the counts and lengths that an artefact's fields ask
    /// for.
    pub rule: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Where: `options[1].statement`.
    pub path: String,
    /// What to change.
    pub message: String,
}

/// Whether anything here must be repaired.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Collects what the rules of one artefact find.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(
        &mut self,
        rule: &str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.add(Severity::Error, rule, path.into(), message.into());
    }

    pub(super) fn warning(
        &mut self,
        rule: &str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.add(Severity::Warning, rule, path.into(), message.into());
    }

    /// Asks for a number of entries in a list.
    pub(super) fn count(
        &mut self,
        rule: &str,
        path: impl Into<String>,
        len: usize,
        wanted: RangeInclusive<usize>,
    ) {
        if !wanted.contains(&len) {
            self.error(rule, path, format!("holds {len} entries; give {}", spoken(&wanted)));
        }
    }

    /// Asks for a length in characters.
    pub(super) fn length(
        &mut self,
        path: impl Into<String>,
        text: &str,
        wanted: RangeInclusive<usize>,
    ) {
        let length = text.chars().count();
        if !wanted.contains(&length) {
            self.error(
                "shape",
                path,
                format!("is {length} characters long; write {}", spoken(&wanted)),
            );
        }
    }

    /// Asks for one word up to `most` words.
    pub(super) fn words(&mut self, path: impl Into<String>, text: &str, most: usize) {
        let count = text.split_whitespace().count();
        if count > most {
            self.error("shape", path, format!("has {count} words; use at most {most}"));
        }
    }

    /// Asks for a number within bounds; not-a-number is outside any.
    pub(super) fn number(
        &mut self,
        path: impl Into<String>,
        value: f64,
        wanted: RangeInclusive<f64>,
    ) {
        if !wanted.contains(&value) {
            let (low, high) = (wanted.start(), wanted.end());
            self.error("shape", path, format!("is {value}; give a number from {low} to {high}"));
        }
    }

    /// Asks for ordinal scores from 1 to 5.
    pub(super) fn one_to_five(&mut self, path: impl Into<String>, score: u32) {
        self.number(path, f64::from(score), 1.0..=5.0);
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0
    }

    fn add(&mut self, severity: Severity, rule: &str, path: String, message: String) {
        self.0.push(Finding { rule: rule.into(), severity, path, message });
    }
}

fn spoken(range: &RangeInclusive<usize>) -> String {
    match (*range.start(), *range.end()) {
        (low, high) if low == high => format!("exactly {low}"),
        (low, usize::MAX) => format!("at least {low}"),
        (0, high) => format!("at most {high}"),
        (low, high) => format!("{low} to {high}"),
    }
}
