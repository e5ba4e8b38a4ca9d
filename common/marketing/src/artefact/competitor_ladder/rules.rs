//! The rules L1 to L6. L7 is checked in positioning, where a word is chosen.

use std::collections::BTreeMap;

use super::{CompetitorKind, CompetitorLadder, Ladder, OpenPosition, Rung};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    grounds::{Grounds, demand_assumptions},
    similarity::{alike, share, tokens},
    wording,
};

/// Words that every competitor claims.
const GENERIC: [&str; 10] = [
    "quality",
    "service",
    "customer service",
    "innovation",
    "innovative",
    "best",
    "leading",
    "trusted",
    "solution",
    "excellence",
];

pub(super) fn check(ladder: &CompetitorLadder, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let grounds = Grounds::new(prior, &ladder.assumptions);
    wording::check(&mut findings, ladder);
    demand_assumptions(&mut findings, prior, &ladder.assumptions);
    findings.count("shape", "ladders", ladder.ladders.len(), 1..=2);
    for (i, one) in ladder.ladders.iter().enumerate() {
        let path = format!("ladders[{i}]");
        check_shape(&mut findings, &path, one);
        check_words(&mut findings, &path, one, &grounds);
        check_proof(&mut findings, &path, one, &grounds, prior);
    }
    findings.count("shape", "open_positions", ladder.open_positions.len(), 2..=5);
    wording::distinct(
        &mut findings,
        "G8",
        "open_positions",
        ladder.open_positions.iter().map(|it| it.word.as_str()),
    );
    for (i, open) in ladder.open_positions.iter().enumerate() {
        check_open(&mut findings, &format!("open_positions[{i}]"), open, ladder, &grounds);
    }
    findings.into_vec()
}

/// L1 and L2: ranks without gaps, and a rung for what buyers do without a vendor.
fn check_shape(findings: &mut Findings, path: &str, ladder: &Ladder) {
    let rungs = &ladder.rungs;
    findings.length(format!("{path}.category"), &ladder.category, 3..=80);
    findings.count("L1", format!("{path}.rungs"), rungs.len(), 3..=7);
    let mut ranks: Vec<u32> = rungs.iter().map(|rung| rung.rank).collect();
    ranks.sort_unstable();
    if !ranks.iter().copied().eq((1..).take(rungs.len())) {
        findings.error(
            "L1",
            format!("{path}.rungs"),
            "ranks have gaps or repeat; number the rungs 1, 2, 3 and so on",
        );
    }
    if !rungs.iter().any(|rung| rung.kind == CompetitorKind::StatusQuo) {
        let message = "leaves out what buyers do without a vendor; add a rung of type `status_quo`";
        findings.error("L2", format!("{path}.rungs"), message);
    }
    let mut first_at: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, rung) in rungs.iter().enumerate() {
        if first_at.insert(&rung.competitor_id, i).is_some() {
            let message = format!("`{}` is on this ladder already", rung.competitor_id);
            findings.error("G1", format!("{path}.rungs[{i}].competitor_id"), message);
        }
        findings.number(format!("{path}.rungs[{i}].strength"), rung.strength, 0.0..=1.0);
        findings.count(
            "shape",
            format!("{path}.rungs[{i}].strengths"),
            rung.strengths.len(),
            1..=4,
        );
        findings.count(
            "shape",
            format!("{path}.rungs[{i}].weaknesses"),
            rung.weaknesses.len(),
            1..=4,
        );
    }
}

/// L3: each rung owns a word of its own that is not generic.
fn check_words(findings: &mut Findings, path: &str, ladder: &Ladder, grounds: &Grounds<'_>) {
    for (i, rung) in ladder.rungs.iter().enumerate() {
        let path = format!("{path}.rungs[{i}].word_owned");
        findings.words(&path, &rung.word_owned, 3);
        let word = tokens(&rung.word_owned);
        if ladder.rungs[..i].iter().any(|other| tokens(&other.word_owned) == word) {
            findings.error(
                "L3",
                &path,
                format!(
                    "`{}` is owned by a rung above; name what sets this one apart",
                    rung.word_owned
                ),
            );
        }
        if is_generic(&rung.word_owned) && !grounds.shows(&rung.basis) {
            findings.error(
                "L3",
                &path,
                format!(
                    "`{}` is what everybody claims; prove it or find its own word",
                    rung.word_owned
                ),
            );
        }
    }
}

/// L4 and L6: rungs and market shares have a source. With thin evidence, unverified rungs are only
/// flagged, because no wording can supply sources that the client did not give.
fn check_proof(
    findings: &mut Findings,
    path: &str,
    ladder: &Ladder,
    grounds: &Grounds<'_>,
    prior: &PriorArtefacts,
) {
    for (i, rung) in ladder.rungs.iter().enumerate() {
        let path = format!("{path}.rungs[{i}]");
        grounds.resolve(findings, &format!("{path}.basis"), &rung.basis);
        if !rung.unverified && !grounds.shows(&rung.basis) {
            findings.error("L4", &path, "rests on no claim; name one, or set `unverified`");
        }
        if speaks_of_share(rung) && !grounds.shows(&rung.basis) {
            findings.error(
                "L6",
                &path,
                "speaks of market share without a claim; name the claim or leave the share out",
            );
        }
    }
    let unverified = ladder.rungs.iter().filter(|rung| rung.unverified).count();
    if share(unverified, ladder.rungs.len()) > 0.3 {
        let message = format!(
            "{unverified} of {} rungs are unverified; at most 30 % may be",
            ladder.rungs.len()
        );
        if prior.evidence_is_thin() {
            findings.warning("L4", format!("{path}.rungs"), message);
        } else {
            findings.error("L4", format!("{path}.rungs"), message);
        }
    }
}

/// L5: an open position is not occupied.
fn check_open(
    findings: &mut Findings,
    path: &str,
    open: &OpenPosition,
    ladder: &CompetitorLadder,
    grounds: &Grounds<'_>,
) {
    findings.words(format!("{path}.word"), &open.word, 3);
    findings.number(format!("{path}.defensibility"), open.defensibility, 0.0..=1.0);
    grounds.demand(findings, "L5", &format!("{path}.basis"), &open.basis);
    if let Some(owner) = ladder.rungs().find(|rung| alike(&rung.word_owned, &open.word)) {
        let message = format!(
            "`{}` is owned by {} (`{}`); choose a word nobody owns",
            open.word, owner.name, owner.word_owned
        );
        findings.error("L5", format!("{path}.word"), message);
    }
}

fn is_generic(word: &str) -> bool {
    GENERIC.iter().any(|generic| tokens(generic) == tokens(word))
}

fn speaks_of_share(rung: &Rung) -> bool {
    let texts = rung.strengths.iter().chain(&rung.weaknesses);
    texts
        .map(|text| text.to_lowercase())
        .any(|text| text.contains("market share") || text.contains("% of the market"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::artefact::{
        Artefact, Severity, competitor_ladder::CompetitorLadder, evidence::EvidenceLevel, fixture,
    };

    fn check(pointer: &str, to: Value, rule: &str) {
        fixture::check::<CompetitorLadder>("competitor_ladder", pointer, to, rule);
    }

    #[test]
    fn each_rule_finds_its_violation() {
        check("/ladders/0/rungs/1/rank", json!(7), "L1");
        check("/ladders/0/rungs", json!([]), "L1");
        check("/ladders/0/rungs/1/type", json!("indirect"), "L2");
        check("/ladders/0/rungs/1/word_owned", json!("Original part"), "L3");
        check("/ladders/0/rungs/2/word_owned", json!("quality"), "L3");
        check("/ladders/0/rungs/0/basis", json!([]), "L4");
        check("/ladders/0/rungs/0/unverified", json!(true), "L4");
        check("/open_positions/0/word", json!("the original parts"), "L5");
        check("/open_positions/0/basis", json!([]), "L5");
        check("/ladders/0/rungs/2/strengths/0", json!("Holds a third of the market share"), "L6");
        check("/ladders/0/rungs/1/competitor_id", json!("cmp_maker"), "G1");
        check("/ladders/0/rungs/1/strength", json!(1.5), "shape");
        check("/ladders/0/rungs/1/word_owned", json!("it costs nothing at all"), "shape");
    }

    #[test]
    fn where_evidence_is_thin_unverified_rungs_are_flagged_only() {
        let mut world = fixture::world();
        world.evidence.as_mut().unwrap().evidence_level = EvidenceLevel::Low;
        let mut ladder = world.competitor_ladder.clone().unwrap();
        ladder.ladders[0].rungs[0].unverified = true;
        let findings = ladder.check(&world);
        assert_eq!(
            findings.iter().map(|f| (f.rule.as_str(), f.severity)).collect::<Vec<_>>(),
            [("L4", Severity::Warning)]
        );
    }
}
