//! The run report: decisions, costs and open points.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Artefact, Finding, Kind, PriorArtefacts, Severity, assumption::Level, has_errors,
    route_back::Decision,
};
use domain::money::{NanoUsd, usd};

/// The report.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// Every route-back that was considered.
    pub decisions: Vec<Decision>,
    /// Findings about artefacts that were delivered all the same.
    pub unresolved: Vec<Unresolved>,
    /// The quality of the artefacts.
    pub quality: Quality,
    /// The cost of the run.
    pub cost: CostReport,
    /// Facts that would make the advice wrong.
    pub what_would_change_our_mind: Vec<String>,
    /// How the similarity of texts was measured.
    pub similarity: String,
}

/// A finding that repairs did not remove.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unresolved {
    /// The kind of the artefact.
    pub kind: Kind,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The quality of the artefacts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quality {
    /// Whether no artefact has a finding of severity error.
    pub deterministic_pass: bool,
    /// The number of warnings.
    pub warnings: usize,
    /// Scores of judges; empty while none is configured.
    pub judge_scores: Vec<JudgeScore>,
}

/// A judge's score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JudgeScore {
    /// The kind of the artefact.
    pub kind: Kind,
    /// The score from 0 to 1.
    pub score: f64,
}

/// The cost of a run.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct CostReport {
    /// The cost of each phase.
    pub by_phase: Vec<CostLine>,
    /// The cost of each model.
    pub by_model: Vec<CostLine>,
}

/// The cost of one phase or model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CostLine {
    /// The name of the phase or model.
    pub name: String,
    /// The cost in USD.
    #[serde(with = "usd")]
    pub cost_usd: NanoUsd,
}

impl RunReport {
    /// Builds the report of a run.
    pub fn build(
        prior: &PriorArtefacts,
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
            what_would_change_our_mind: doubts(prior),
            similarity: "Jaccard overlap of normalised words, alike from 0.6".into(),
        }
    }
}

impl Artefact for RunReport {
    const KIND: Kind = Kind::RunReport;

    /// Computed from artefacts that were already checked, so there is nothing to check.
    fn check(&self, _: &PriorArtefacts) -> Vec<Finding> {
        Vec::new()
    }
}

/// Assumptions with a high impact of all artefacts, and the test of the selected positioning.
fn doubts(prior: &PriorArtefacts) -> Vec<String> {
    let test = prior.selected_option().map(|option| {
        let test = &option.validation_test;
        format!(
            "The test of the positioning fails: {} ({}), passed at {}",
            test.method, test.sample, test.pass_threshold
        )
    });
    let grave =
        prior.assumptions().into_iter().filter(|(_, assumption)| assumption.impact == Level::High);
    let grave = grave.map(|(_, assumption)| {
        format!("{} To verify: {}", assumption.text, assumption.how_to_verify)
    });
    test.into_iter().chain(grave).collect()
}
