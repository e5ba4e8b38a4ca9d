//! The appendix of the report: evidence, assumptions, and the course of the run.

use super::{Block, heading, list};
use crate::artefact::{PriorArtefacts, evidence::EvidenceLevel};

pub(super) fn evidence(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(evidence) = &prior.evidence else { return };
    blocks.push(heading(2, "Evidence"));
    if evidence.evidence_level == EvidenceLevel::Low {
        blocks.push(Block::Note(
            "The evidence is thin: conclusions rest on the assumptions listed below.".into(),
        ));
    }
    let rows = evidence.claims.iter().map(|claim| {
        let grounds =
            if claim.source_refs.is_empty() { &claim.derived_from } else { &claim.source_refs };
        vec![
            claim.id.clone(),
            claim.text.clone(),
            format!("{:.2}", claim.confidence),
            grounds.join(", "),
        ]
    });
    blocks.push(Block::Table(vec!["Claim", "What it says", "Confidence", "From"], rows.collect()));
    let sources = evidence.sources.iter().filter(|source| !source.excerpts.is_empty());
    let named = sources.map(|source| {
        (format!("{}: {}, {}", source.id, source.title, source.publisher), source.url.clone())
    });
    blocks.push(Block::Links(named.collect()));
    if !evidence.contradictions.is_empty() {
        let said = evidence
            .contradictions
            .iter()
            .map(|it| format!("{} against {}: {}", it.claim_id, it.other_claim_id, it.explanation));
        blocks.push(heading(3, "Contradictions"));
        blocks.push(list(said));
    }
    if !evidence.gaps.is_empty() {
        blocks.push(heading(3, "Open questions"));
        blocks.push(list(&evidence.gaps));
    }
}

pub(super) fn assumptions(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let mut assumptions = prior.assumptions();
    if assumptions.is_empty() {
        return;
    }
    assumptions.sort_by_key(|(_, assumption)| std::cmp::Reverse(assumption.impact));
    blocks.push(heading(2, "Assumptions to verify"));
    let rows = assumptions.into_iter().map(|(kind, assumption)| {
        let impact = format!("{:?}", assumption.impact).to_lowercase();
        vec![assumption.text.clone(), impact, assumption.how_to_verify.clone(), kind.to_string()]
    });
    blocks
        .push(Block::Table(vec!["Assumption", "Impact", "How to verify", "Part"], rows.collect()));
}

pub(super) fn run(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(report) = &prior.run_report else { return };
    blocks.push(heading(2, "About this run"));
    let decisions = report
        .decisions
        .iter()
        .map(|decision| format!("{}: {}", decision.rule_id, decision.reason));
    let unresolved = report.unresolved.iter().map(|it| {
        format!(
            "Not resolved in {}: {} {} ({})",
            it.kind, it.finding.path, it.finding.message, it.finding.rule
        )
    });
    let entries: Vec<String> = decisions.chain(unresolved).collect();
    if !entries.is_empty() {
        blocks.push(list(entries));
    }
    let quality = &report.quality;
    let verdict = if quality.deterministic_pass { "passed" } else { "did not pass" };
    blocks.push(Block::Paragraph(format!(
        "The rules {verdict}, with {} warnings. Likeness of texts: {}.",
        quality.warnings, report.similarity
    )));
    if !report.what_would_change_our_mind.is_empty() {
        blocks.push(heading(3, "What would change our mind"));
        blocks.push(list(&report.what_would_change_our_mind));
    }
}
