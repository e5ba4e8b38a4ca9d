//! The run report: what was decided, what it cost, what is left open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Artefact, Finding, Kind, Severity, Upstream, assumption::Level, has_errors,
    route_back::Decision,
};
use domain::money::{NanoUsd, usd};

/// The report.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// Every route-back that was considered.
    pub decisions: Vec<Decision>,
    /// What was delivered although a rule says otherwise.
    pub unresolved: Vec<Unresolved>,
    /// How the artefacts fared.
    pub quality: Quality,
    /// What was spent.
    pub cost: CostReport,
    /// What would make the advice wrong.
    pub what_would_change_our_mind: Vec<String>,
    /// How likeness of texts was measured.
    pub similarity: String,
}

/// A finding that repairs did not remove.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unresolved {
    /// The artefact.
    pub kind: Kind,
    /// What is wrong with it.
    #[serde(flatten)]
    pub finding: Finding,
}

/// How the artefacts fared.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quality {
    /// Whether no artefact breaks a rule of severity error.
    pub deterministic_pass: bool,
    /// How many warnings were left.
    pub warnings: usize,
    /// Scores of judges; empty while none is configured.
    pub judge_scores: Vec<JudgeScore>,
}

/// A judge's score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JudgeScore {
    /// The artefact.
    pub kind: Kind,
    /// From 0 to 1.
    pub score: f64,
}

/// What was spent.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct CostReport {
    /// In each phase.
    pub by_phase: Vec<CostLine>,
    /// On each model.
    pub by_model: Vec<CostLine>,
}

/// A sum.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CostLine {
    /// The phase or model.
    pub name: String,
    /// The sum in USD.
    #[serde(with = "usd")]
    pub cost_usd: NanoUsd,
}

impl RunReport {
    /// Sums a run up.
    pub fn build(
        upstream: &Upstream,
        findings: &BTreeMap<Kind, Vec<Finding>>,
        decisions: Vec<Decision>,
        cost: CostReport,
    ) -> Self {
        let all = || {
            findings
                .iter()
                .flat_map(|(kind, findings)| findings.iter().map(|finding| (*kind, finding)))
        };
        let unresolved = all()
            .filter(|(_, finding)| finding.severity == Severity::Error)
            .map(|(kind, finding)| Unresolved { kind, finding: finding.clone() });
        Self {
            decisions,
            unresolved: unresolved.collect(),
            quality: Quality {
                deterministic_pass: !findings.values().any(|findings| has_errors(findings)),
                warnings: all()
                    .filter(|(_, finding)| finding.severity == Severity::Warning)
                    .count(),
                judge_scores: Vec::new(),
            },
            cost,
            what_would_change_our_mind: doubts(upstream),
            similarity: "Jaccard overlap of normalised words, alike from 0.6".into(),
        }
    }
}

impl Artefact for RunReport {
    const KIND: Kind = Kind::RunReport;

    /// Written by code from artefacts that were judged before, so there is nothing to judge.
    fn check(&self, _: &Upstream) -> Vec<Finding> {
        Vec::new()
    }
}

/// Grave assumptions of every artefact, and the test of the selected positioning.
fn doubts(upstream: &Upstream) -> Vec<String> {
    let test = upstream.selected_option().map(|option| {
        let test = &option.validation_test;
        format!(
            "The test of the positioning fails: {} ({}), passed at {}",
            test.method, test.sample, test.pass_threshold
        )
    });
    let grave = upstream
        .assumptions()
        .into_iter()
        .filter(|(_, assumption)| assumption.impact == Level::High);
    let grave = grave.map(|(_, assumption)| {
        format!("{} To verify: {}", assumption.text, assumption.how_to_verify)
    });
    test.into_iter().chain(grave).collect()
}
