//! Computes the confidence of claims from their quotes and premises.

use std::collections::{BTreeMap, BTreeSet};

use super::{Claim, Contradiction, EvidenceLevel, Relation, Source, SourceKind, Strength};
use crate::artefact::similarity::share;

/// Subtracted for every contradiction of a claim, whether listed or quoted.
const CONTRADICTION_PENALTY: f64 = 0.2;

/// The reliability of a kind of source. These are judgements, not measurements: official data above
/// the client's own statements, and those above anonymous ones.
pub(super) fn reliability(kind: SourceKind) -> f64 {
    match kind {
        SourceKind::Filing | SourceKind::Dataset => 0.9,
        SourceKind::Interview | SourceKind::UserDoc => 0.7,
        SourceKind::UserStatement => 0.6,
        SourceKind::Web | SourceKind::Review => 0.5,
    }
}

/// The number that the formula uses for a strength.
fn weight(strength: Strength) -> f64 {
    match strength {
        Strength::Weak => 0.3,
        Strength::Moderate => 0.6,
        Strength::Strong => 0.9,
    }
}

/// Share of claims with a located quote, their own or that of every claim they are derived from.
pub(super) fn coverage(claims: &[Claim]) -> f64 {
    let sourced: BTreeSet<&str> =
        claims.iter().filter(|c| !c.source_refs.is_empty()).map(|c| c.id.as_str()).collect();
    let covered = |claim: &&Claim| {
        let premises = &claim.derived_from;
        !claim.source_refs.is_empty()
            || (!premises.is_empty() && premises.iter().all(|id| sourced.contains(id.as_str())))
    };
    share(claims.iter().filter(covered).count(), claims.len())
}

/// EV6: the evidence is full with eight claims from four quoted sources of three publishers.
pub(super) fn level(claims: &[Claim], sources: &[Source]) -> EvidenceLevel {
    let quoted: Vec<&Source> =
        sources.iter().filter(|source| !source.excerpts.is_empty()).collect();
    let publishers: BTreeSet<&str> =
        quoted.iter().map(|source| source.publisher.as_str()).collect();
    let enough = claims.len() >= 8 && quoted.len() >= 4 && publishers.len() >= 3;
    if enough { EvidenceLevel::Full } else { EvidenceLevel::Low }
}

/// EV5: `1 − Π(1 − reliability·strength)` over independent publishers, less a penalty for each
/// contradiction. A derived claim has the confidence of its weakest premise, and zero if it is
/// derived from itself.
pub(super) fn compute(claims: &mut [Claim], sources: &[Source], contradictions: &[Contradiction]) {
    let confidences: BTreeMap<String, f64> = {
        let claims = claims.iter().map(|claim| (claim.id.as_str(), claim)).collect();
        let mut graph = Graph { claims, sources, contradictions, known: BTreeMap::new() };
        let ids: Vec<&str> = graph.claims.keys().copied().collect();
        ids.iter()
            .map(|id| ((*id).to_owned(), graph.confidence(id, &mut BTreeSet::new())))
            .collect()
    };
    for claim in claims {
        claim.confidence = confidences.get(&claim.id).copied().unwrap_or(0.0);
    }
}

struct Graph<'a> {
    claims: BTreeMap<&'a str, &'a Claim>,
    sources: &'a [Source],
    contradictions: &'a [Contradiction],
    known: BTreeMap<&'a str, f64>,
}

impl<'a> Graph<'a> {
    /// `above` holds the claims whose confidence depends on this one.
    fn confidence(&mut self, id: &'a str, above: &mut BTreeSet<&'a str>) -> f64 {
        if let Some(confidence) = self.known.get(id) {
            return *confidence;
        }
        let Some(claim) = self.claims.get(id).copied() else { return 0.0 };
        if !above.insert(id) {
            return 0.0;
        }
        let premises = claim.derived_from.iter().map(|premise| self.confidence(premise, above));
        let derived = premises.reduce(f64::min).unwrap_or(0.0);
        above.remove(id);
        let trust = from_quotes(claim, self.sources).max(derived) - self.penalty(claim);
        let confidence = trust.clamp(0.0, 1.0);
        self.known.insert(id, confidence);
        confidence
    }

    fn penalty(&self, claim: &Claim) -> f64 {
        let listed = self
            .contradictions
            .iter()
            .filter(|c| c.claim_id == claim.id || c.other_claim_id == claim.id);
        let quoted = claim
            .quotes
            .iter()
            .filter(|q| q.relation == Relation::Contradicts && q.offsets.is_some());
        listed.map(|_| CONTRADICTION_PENALTY).sum::<f64>()
            + quoted.map(|_| CONTRADICTION_PENALTY).sum::<f64>()
    }
}

fn from_quotes(claim: &Claim, sources: &[Source]) -> f64 {
    let mut best_by_publisher: BTreeMap<&str, f64> = BTreeMap::new();
    for quote in claim
        .quotes
        .iter()
        .filter(|quote| quote.relation == Relation::Supports && quote.offsets.is_some())
    {
        if let Some(source) = sources.iter().find(|source| source.id == quote.source_id) {
            let trust = source.reliability * weight(quote.strength);
            let best = best_by_publisher.entry(&source.publisher).or_insert(0.0);
            *best = best.max(trust);
        }
    }
    1.0 - best_by_publisher.values().map(|trust| 1.0 - trust).product::<f64>()
}
