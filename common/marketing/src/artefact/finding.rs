//! Findings: violations of rules, described so that the author can correct them.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The severity of a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The artefact must be repaired before it can be used.
    Error,
    /// The artefact is delivered, and the reader is told.
    Warning,
}

/// A violation of a rule. The message goes to the model in a repair and is shown to readers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, such as `P2`; `shape` for the counts and lengths of an artefact's fields.
    pub rule: String,
    /// The severity.
    pub severity: Severity,
    /// The place in the artefact, such as `options[1].statement`.
    pub path: String,
    /// What to change.
    pub message: String,
}

/// Whether any finding requires a repair.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Collects the findings about one artefact.
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

    /// Requires a number of entries in a list.
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

    /// Requires a length in characters.
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

    /// Requires at least one word and at most `most`.
    pub(super) fn words(&mut self, path: impl Into<String>, text: &str, most: usize) {
        let count = text.split_whitespace().count();
        if count > most {
            self.error("shape", path, format!("has {count} words; use at most {most}"));
        }
    }

    /// Requires a number within bounds; NaN is always out of bounds.
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

    /// Requires an ordinal score from 1 to 5.
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
