//! The rules EV1 to EV8 and G9.

use std::collections::{BTreeMap, BTreeSet};

use super::{Claim, ClaimKind, Evidence, EvidenceLevel, confidence};
use crate::artefact::{
    Finding, PriorArtefacts, finding::Findings, graph::on_a_cycle, grounds::refer,
    similarity::alike, wording,
};

/// Age in years above which a statistic is flagged.
const STALE_YEARS: i64 = 3;

pub(super) fn check(evidence: &Evidence, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    wording::check(&mut findings, evidence);
    findings.count("shape", "claims", evidence.claims.len(), 1..=40);
    findings.count("shape", "gaps", evidence.gaps.len(), 0..=8);
    wording::distinct(
        &mut findings,
        "G8",
        "claims",
        evidence.claims.iter().map(|claim| claim.text.as_str()),
    );
    for (i, claim) in evidence.claims.iter().enumerate() {
        let path = format!("claims[{i}]");
        findings.length(format!("{path}.text"), &claim.text, 15..=400);
        check_quotes(&mut findings, &path, claim, prior);
        check_support(&mut findings, &path, claim);
        check_statistic(&mut findings, &path, claim, prior);
    }
    check_derivations(&mut findings, evidence);
    check_contradictions(&mut findings, evidence);
    check_computed(&mut findings, evidence);
    findings.into_vec()
}

/// G9: quotes are short and occur in the source.
fn check_quotes(findings: &mut Findings, path: &str, claim: &Claim, prior: &PriorArtefacts) {
    let sources: BTreeSet<&str> = prior.documents.iter().map(|source| source.id.as_str()).collect();
    for (i, quote) in claim.quotes.iter().enumerate() {
        let path = format!("{path}.quotes[{i}]");
        refer(findings, &path, &quote.source_id, Some(&sources), "source");
        if quote.quote.chars().count() > 300 {
            findings.error(
                "G9",
                &path,
                "is longer than 300 characters; quote only the words that matter",
            );
        }
        if quote.offsets.is_none() && sources.contains(quote.source_id.as_str()) {
            let message = format!(
                "does not stand in `{}`; copy it character by character, or drop it",
                quote.source_id
            );
            findings.error("G9", &path, message);
        }
    }
}

/// EV1: facts have a quote, derived claims have premises.
fn check_support(findings: &mut Findings, path: &str, claim: &Claim) {
    match claim.kind {
        ClaimKind::Fact | ClaimKind::Statistic if claim.source_refs.is_empty() => {
            findings.error(
                "EV1",
                path,
                "has no quote that supports it; quote a source, or make it an assumption",
            );
        }
        ClaimKind::Inference if claim.derived_from.len() < 2 => {
            findings.error(
                "EV1",
                path,
                "is an inference; name at least two claims it follows from in `derived_from`",
            );
        }
        ClaimKind::Fact | ClaimKind::Statistic | ClaimKind::Opinion | ClaimKind::Inference => {}
    }
}

/// EV2 and EV3: a statistic has a checkable source and a known age.
fn check_statistic(findings: &mut Findings, path: &str, claim: &Claim, prior: &PriorArtefacts) {
    let path = format!("{path}.statistic");
    match &claim.statistic {
        None if claim.kind == ClaimKind::Statistic => {
            findings.error("EV2", path, "is missing; give value, unit, population and year");
        }
        None => {}
        Some(statistic) => {
            let age = i64::from(prior.today.year()) - i64::from(statistic.year);
            if !statistic.value.is_finite() || !(-1..=200).contains(&age) {
                findings.error("EV2", &path, "needs a plain number and the year it was measured");
            } else if age > STALE_YEARS {
                findings.warning(
                    "EV3",
                    &path,
                    format!("is from {}; look for a newer figure", statistic.year),
                );
            }
        }
    }
}

/// EV4: no claim is derived from itself.
fn check_derivations(findings: &mut Findings, evidence: &Evidence) {
    let ids: BTreeSet<&str> = evidence.claims.iter().map(|claim| claim.id.as_str()).collect();
    for (i, claim) in evidence.claims.iter().enumerate() {
        for premise in &claim.derived_from {
            refer(findings, &format!("claims[{i}].derived_from"), premise, Some(&ids), "claim");
        }
    }
    let edges: BTreeMap<&str, Vec<&str>> = evidence
        .claims
        .iter()
        .map(|claim| (claim.id.as_str(), claim.derived_from.iter().map(String::as_str).collect()))
        .collect();
    if let Some(id) = on_a_cycle(&edges) {
        findings.error(
            "EV4",
            "claims",
            format!("`{id}` follows from itself; remove a link of `derived_from`"),
        );
    }
}

/// EV7: contradictions are listed.
fn check_contradictions(findings: &mut Findings, evidence: &Evidence) {
    let ids: BTreeSet<&str> = evidence.claims.iter().map(|claim| claim.id.as_str()).collect();
    for (i, contradiction) in evidence.contradictions.iter().enumerate() {
        let path = format!("contradictions[{i}]");
        refer(findings, &path, &contradiction.claim_id, Some(&ids), "claim");
        refer(findings, &path, &contradiction.other_claim_id, Some(&ids), "claim");
        if contradiction.claim_id == contradiction.other_claim_id {
            findings.error(
                "EV7",
                path,
                "sets a claim against itself; name the two claims that disagree",
            );
        }
    }
    let listed = |one: &Claim, other: &Claim| {
        evidence.contradictions.iter().any(|c| {
            (c.claim_id == one.id && c.other_claim_id == other.id)
                || (c.claim_id == other.id && c.other_claim_id == one.id)
        })
    };
    for (i, one) in evidence.claims.iter().enumerate() {
        for (j, other) in evidence.claims.iter().enumerate().skip(i + 1) {
            if disagree(one, other) && !listed(one, other) {
                let message = format!(
                    "gives another figure for the same thing as claims[{i}]; list it in `contradictions`"
                );
                findings.error("EV7", format!("claims[{j}]"), message);
            }
        }
    }
}

/// Whether two statistics give different figures for the same thing in the same year.
fn disagree(one: &Claim, other: &Claim) -> bool {
    let (Some(first), Some(second)) = (&one.statistic, &other.statistic) else { return false };
    first.year == second.year
        && first.unit.eq_ignore_ascii_case(&second.unit)
        && alike(&first.population, &second.population)
        && alike(&one.subject, &other.subject)
        && (first.value - second.value).abs() > f64::EPSILON * first.value.abs().max(1.0)
}

/// EV5, EV6 and EV8: stored values equal the computed ones, and thin evidence is reported.
fn check_computed(findings: &mut Findings, evidence: &Evidence) {
    let mut claims = evidence.claims.clone();
    confidence::compute(&mut claims, &evidence.sources, &evidence.contradictions);
    for (i, (stored, computed)) in evidence.claims.iter().zip(&claims).enumerate() {
        if (stored.confidence - computed.confidence).abs() > 1e-6 {
            findings.error(
                "EV5",
                format!("claims[{i}].confidence"),
                "is not what follows from the quotes; compute it again",
            );
        }
    }
    if evidence.evidence_level == EvidenceLevel::Low {
        let message = "fewer than 8 claims, 4 sources or 3 publishers: conclusions rest on assumptions; add documents";
        findings.warning("EV6", "evidence_level", message);
    }
    if evidence.coverage < 0.8 {
        let percent = evidence.coverage * 100.0;
        findings.warning(
            "EV8",
            "coverage",
            format!("only {percent:.0} % of the claims have a source"),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::artefact::{
        Artefact, Draft,
        evidence::{Evidence, EvidenceDraft, EvidenceLevel},
        fixture::{check, check_artefact, draft, start, world},
    };

    #[test]
    fn each_rule_finds_its_violation() {
        let check = |pointer, to, rule| check::<EvidenceDraft>("evidence", pointer, to, rule);
        check("/claims/1/id", json!("clm_downtime"), "G1");
        check("/claims/0/text", json!("Numbers TBD, to be filled in later."), "G2");
        check(
            "/claims/4/text",
            json!("One day without espresso takes 310 euros of sales from an independent café."),
            "G8",
        );
        check("/claims/0/text", json!("Too short."), "shape");
        check("/claims/0/quotes/0/quote", json!("stood still for 9 days"), "G9");
        check("/claims/0/quotes/0/quote", json!("x".repeat(301)), "G9");
        check("/claims/0/quotes/0/source_id", json!("src_elsewhere"), "G1");
        check("/claims/1/quotes", json!([]), "EV1");
        check("/claims/1/quotes/0/relation", json!("contradicts"), "EV1");
        check("/claims/9/derived_from", json!(["clm_downtime"]), "EV1");
        check("/claims/0/statistic", json!(null), "EV2");
        check("/claims/0/statistic/year", json!(0), "EV2");
        check("/claims/0/statistic/year", json!(2021), "EV3");
        check("/claims/9/derived_from", json!(["clm_downtime", "clm_cost_of_wait"]), "EV4");
        check("/claims/9/derived_from", json!(["clm_downtime", "clm_unknown"]), "G1");
        check(
            "/contradictions",
            json!([{"claim_id": "clm_diy", "other_claim_id": "clm_diy", "explanation": "None."}]),
            "EV7",
        );
    }

    #[test]
    fn two_figures_for_one_thing_are_a_contradiction() {
        let mut claims = draft("evidence")["claims"].clone();
        let mut other = claims[2].clone();
        other["id"] = json!("clm_other_loss");
        other["text"] = json!("Owners lose 500 euros whenever the bar stays dark for one day.");
        other["statistic"]["value"] = json!(500.0);
        claims.as_array_mut().unwrap().push(other);
        check::<EvidenceDraft>("evidence", "/claims", claims, "EV7");
    }

    #[test]
    fn computed_fields_are_refused_in_a_draft() {
        check_artefact::<Evidence>("/claims/0/confidence", json!(0.99), "EV5");
        check_artefact::<Evidence>("/coverage", json!(0.5), "EV8");
    }

    #[test]
    fn confidence_grows_with_publishers_and_falls_with_contradictions() {
        let evidence = world().evidence.unwrap();
        let confidence =
            |id: &str| evidence.claims.iter().find(|claim| claim.id == id).unwrap().confidence;
        // One document of the client, quoted as strong: 0.7 · 0.9.
        assert!((confidence("clm_downtime") - 0.63).abs() < 1e-9);
        // The client's statement repeats the client's document, so both count as one publisher.
        assert!((confidence("clm_renewal") - 0.63).abs() < 1e-9);
        // The confidence of the web page, the weaker of the two premises.
        assert!((confidence("clm_cost_of_wait") - 0.45).abs() < 1e-9);

        let mut contested = draft("evidence");
        contested["contradictions"] = json!([{"claim_id": "clm_downtime", "other_claim_id": "clm_diy", "explanation": "They disagree."}]);
        let contested = serde_json::from_value::<EvidenceDraft>(contested).unwrap().build(&start());
        assert!((contested.claims[0].confidence - 0.43).abs() < 1e-9);
    }

    #[test]
    fn thin_evidence_is_flagged_and_accepted() {
        let mut thin = draft("evidence");
        thin["claims"].as_array_mut().unwrap().truncate(2);
        let thin = serde_json::from_value::<EvidenceDraft>(thin).unwrap().build(&start());
        assert_eq!(thin.evidence_level, EvidenceLevel::Low);
        let findings = thin.check(&start());
        assert!(findings.iter().any(|finding| finding.rule == "EV6"));
        assert!(!crate::artefact::has_errors(&findings), "{findings:?}");
        assert_eq!(world().evidence.unwrap().evidence_level, EvidenceLevel::Full);
    }
}
