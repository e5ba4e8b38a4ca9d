//! Checks what statements are based on: claims of the evidence, and assumptions of the same
//! artefact.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assumption, PriorArtefacts, finding::Findings};

/// The ids that `basis` may contain.
pub(super) struct Grounds<'a> {
    /// Whether each claim is supported; `None` without evidence.
    claims: Option<BTreeMap<&'a str, bool>>,
    /// Assumptions, and other ids that the artefact allows.
    own: BTreeSet<&'a str>,
}

impl<'a> Grounds<'a> {
    pub(super) fn new(prior: &'a PriorArtefacts, assumptions: &'a [Assumption]) -> Self {
        let claims = prior.evidence.as_ref().map(|evidence| {
            evidence.claims.iter().map(|claim| (claim.id.as_str(), claim.is_supported())).collect()
        });
        Self { claims, own: assumptions.iter().map(|assumption| assumption.id.as_str()).collect() }
    }

    /// Also accepts these ids.
    pub(super) fn or(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.own.extend(ids);
        self
    }

    /// Requires a non-empty basis.
    pub(super) fn demand(&self, findings: &mut Findings, rule: &str, path: &str, basis: &[String]) {
        if basis.is_empty() {
            findings.error(
                rule,
                path,
                "rests on nothing; name a claim that shows it, or add an assumption and name that",
            );
        }
        self.resolve(findings, path, basis);
    }

    /// Requires that every id of the basis exists.
    pub(super) fn resolve(&self, findings: &mut Findings, path: &str, basis: &[String]) {
        for id in basis.iter().map(String::as_str).filter(|id| !self.own.contains(id)) {
            match self.claim(id) {
                Claim::Supported => {}
                Claim::Orphan => {
                    findings.error(
                        "EV4",
                        path,
                        format!(
                            "`{id}` has no source; rest this on another claim or an assumption"
                        ),
                    );
                }
                Claim::Unknown => {
                    let message = format!(
                        "`{id}` is neither a claim of the evidence nor an assumption of this document"
                    );
                    findings.error("G1", path, message);
                }
            }
        }
    }

    /// Whether any of these ids is a supported claim.
    pub(super) fn shows(&self, basis: &[String]) -> bool {
        basis.iter().any(|id| matches!(self.claim(id), Claim::Supported))
    }

    fn claim(&self, id: &str) -> Claim {
        match &self.claims {
            None if id.starts_with("clm_") => Claim::Supported,
            None => Claim::Unknown,
            Some(claims) => match claims.get(id) {
                Some(true) => Claim::Supported,
                Some(false) => Claim::Orphan,
                None => Claim::Unknown,
            },
        }
    }
}

enum Claim {
    Supported,
    Orphan,
    Unknown,
}

/// EV6: with thin evidence, the artefact must state assumptions.
pub(super) fn demand_assumptions(
    findings: &mut Findings,
    prior: &PriorArtefacts,
    assumptions: &[Assumption],
) {
    if prior.evidence_is_thin() && assumptions.is_empty() {
        let message =
            "the evidence is thin; list what this takes for granted, with at least one assumption";
        findings.error("EV6", "assumptions", message);
    }
}

/// G1: a reference must name an existing id. `None` skips the check, because there is nothing to
/// refer to yet.
pub(super) fn refer(
    findings: &mut Findings,
    path: &str,
    id: &str,
    known: Option<&BTreeSet<&str>>,
    what: &str,
) {
    if let Some(known) = known
        && !known.contains(id)
    {
        let known: Vec<&str> = known.iter().copied().take(20).collect();
        findings.error(
            "G1",
            path,
            format!("`{id}` names no {what}; known are {}", known.join(", ")),
        );
    }
}

/// The same for a list that must not be empty.
pub(super) fn refer_all(
    findings: &mut Findings,
    path: &str,
    ids: &[String],
    known: Option<&BTreeSet<&str>>,
    what: &str,
) {
    if ids.is_empty() {
        findings.error("shape", path, format!("is empty; name at least one {what}"));
    }
    for id in ids {
        refer(findings, path, id, known, what);
    }
}
