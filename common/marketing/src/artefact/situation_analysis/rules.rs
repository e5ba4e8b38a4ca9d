//! The rules S1, S3 and S4. S2 (internal and external factors are not mixed up) needs a judge.

use std::collections::BTreeSet;

use super::{SituationAnalysis, SwotItem};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    grounds::{Grounds, demand_assumptions, refer},
    wording,
};

pub(super) fn check(analysis: &SituationAnalysis, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let grounds = Grounds::new(prior, &analysis.assumptions);
    wording::check(&mut findings, analysis);
    demand_assumptions(&mut findings, prior, &analysis.assumptions);
    check_market(&mut findings, analysis, &grounds);
    for (path, items) in swot(analysis) {
        findings.count("shape", path, items.len(), 3..=6);
        wording::distinct(&mut findings, "G8", path, items.iter().map(|item| item.text.as_str()));
        for (i, item) in items.iter().enumerate() {
            findings.length(format!("{path}[{i}].text"), &item.text, 15..=300);
            grounds.demand(&mut findings, "S1", &format!("{path}[{i}].basis"), &item.basis);
        }
    }
    findings.count("shape", "pestel", analysis.pestel.len(), 2..=6);
    for (i, force) in analysis.pestel.iter().enumerate() {
        grounds.resolve(&mut findings, &format!("pestel[{i}].basis"), &force.basis);
    }
    check_implications(&mut findings, analysis, &grounds);
    findings.into_vec()
}

fn swot(analysis: &SituationAnalysis) -> [(&'static str, &[SwotItem]); 4] {
    [
        ("internal.strengths", &analysis.internal.strengths),
        ("internal.weaknesses", &analysis.internal.weaknesses),
        ("external.opportunities", &analysis.external.opportunities),
        ("external.threats", &analysis.external.threats),
    ]
}

fn check_market(findings: &mut Findings, analysis: &SituationAnalysis, grounds: &Grounds<'_>) {
    let market = &analysis.market;
    findings.length("market.definition", &market.definition, 20..=600);
    findings.length("competitors_summary", &analysis.competitors_summary, 40..=1200);
    grounds.resolve(findings, "market.basis", &market.basis);
    if let Some(size) = &market.size {
        if size.method.is_none() {
            findings.warning(
                "S4",
                "market.size",
                "does not say how the size was arrived at; give the method or no size",
            );
        }
        if market.basis.is_empty() {
            findings.error(
                "S1",
                "market.basis",
                "is empty although a size is given; name the claim or assumption behind it",
            );
        }
    }
    let customers = &analysis.customers;
    findings.count("shape", "customers.segments", customers.segments.len(), 2..=5);
    findings.count("shape", "customers.jobs", customers.jobs.len(), 1..=6);
    findings.count(
        "shape",
        "customers.switching_triggers",
        customers.switching_triggers.len(),
        1..=6,
    );
    wording::distinct(
        findings,
        "G8",
        "customers.segments",
        customers.segments.iter().map(String::as_str),
    );
}

/// S3: implications combine internal with external factors.
fn check_implications(
    findings: &mut Findings,
    analysis: &SituationAnalysis,
    grounds: &Grounds<'_>,
) {
    let ids = |lists: [&'static str; 2]| -> BTreeSet<&str> {
        let chosen = swot(analysis).into_iter().filter(|(path, _)| lists.contains(path));
        chosen.flat_map(|(_, items)| items.iter().map(|item| item.id.as_str())).collect()
    };
    let internal = ids(["internal.strengths", "internal.weaknesses"]);
    let external = ids(["external.opportunities", "external.threats"]);
    let implications = &analysis.implications;
    findings.count("shape", "implications", implications.len(), 3..=7);
    wording::distinct(
        findings,
        "G8",
        "implications",
        implications.iter().map(|it| it.statement.as_str()),
    );
    for (i, implication) in implications.iter().enumerate() {
        let path = format!("implications[{i}]");
        grounds.demand(findings, "S1", &format!("{path}.because"), &implication.because);
        if let Some(id) = &implication.internal_ref {
            refer(
                findings,
                &format!("{path}.internal_ref"),
                id,
                Some(&internal),
                "strength or weakness",
            );
        }
        if let Some(id) = &implication.external_ref {
            refer(
                findings,
                &format!("{path}.external_ref"),
                id,
                Some(&external),
                "opportunity or threat",
            );
        }
    }
    let paired = implications
        .iter()
        .filter(|it| it.internal_ref.is_some() && it.external_ref.is_some())
        .count();
    if paired < 3 {
        let message = format!(
            "only {paired} pair a strength or weakness with an opportunity or threat; make it three"
        );
        findings.error("S3", "implications", message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::artefact::{Artefact, fixture, situation_analysis::SituationAnalysis};

    fn check(pointer: &str, to: Value, rule: &str) {
        fixture::check::<SituationAnalysis>("situation_analysis", pointer, to, rule);
    }

    #[test]
    fn each_rule_finds_its_violation() {
        check("/internal/strengths/1/id", json!("str_fast"), "G1");
        check("/internal/strengths/0/basis", json!(["clm_nobody"]), "G1");
        check("/internal/strengths/0/basis", json!([]), "S1");
        check("/implications/0/because", json!([]), "S1");
        check("/implications/0/internal_ref", json!(null), "S3");
        check("/implications/0/internal_ref", json!("opp_wait"), "G1");
        check("/implications/0/external_ref", json!("str_fast"), "G1");
        check("/market/size/method", json!(null), "S4");
        check("/market/basis", json!([]), "S1");
        check("/market/definition", json!(""), "G2");
        check("/external/threats", json!([]), "shape");
        check("/customers/segments", json!(["Owners of a single café"]), "shape");
        check(
            "/internal/weaknesses/1/text",
            json!("Two technicians limit how many machines can be promised a visit!"),
            "G8",
        );
        check(
            "/competitors_summary",
            json!(
                "We unlock seamless growth. Our cutting-edge care empowers you. A one-stop game changer."
            ),
            "G4",
        );
    }

    #[test]
    fn a_claim_without_source_supports_nothing() {
        let mut world = fixture::world();
        let claim = &mut world.evidence.as_mut().unwrap().claims[1];
        claim.source_refs.clear();
        let findings = world.situation_analysis.as_ref().unwrap().check(&world);
        assert!(findings.iter().any(|finding| finding.rule == "EV4"), "{findings:?}");
    }

    #[test]
    fn thin_evidence_requires_assumptions() {
        let mut world = fixture::world();
        world.evidence = None;
        let analysis = SituationAnalysis {
            assumptions: Vec::new(),
            ..world.situation_analysis.clone().unwrap()
        };
        assert!(analysis.check(&world).iter().any(|finding| finding.rule == "EV6"));
    }
}
