//! P8: computes the score of an option from its content and from prior artefacts.

use serde::{Deserialize, Serialize};

use super::OptionDraft;
use crate::artefact::{
    PriorArtefacts,
    similarity::{same_channel, share, similarity},
};

/// The components of a score, each from 0 to 1. A component that is unknown is `None`, and the
/// weights of the others grow.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scores {
    /// `1 − max(similarity · strength)` over the rungs of the ladder, where the similarity is the
    /// larger of word to owned word and statement to the rung's strengths. `None` without a ladder.
    pub differentiation: Option<f64>,
    /// Attributes based on a supported claim ÷ attributes.
    pub evidence: f64,
    /// How well the option fits its segment: needs a judge, so it is `None` without one.
    pub segment_fit: Option<f64>,
    /// Channels to the best-fit customers that the business already uses ÷ channels. `None` if the
    /// brief names no channels.
    pub reachability: Option<f64>,
    /// Capabilities in place ÷ capabilities required.
    pub capability_fit: f64,
    /// Customer value ÷ (3 × acquisition cost), at most 1, because a ratio of three is healthy.
    /// `None` while the figures are unknown.
    pub economics: Option<f64>,
}

impl Scores {
    pub(super) fn of(option: &OptionDraft, prior: &PriorArtefacts) -> Self {
        Self {
            differentiation: differentiation(option, prior),
            evidence: evidence(option, prior),
            segment_fit: None,
            reachability: reachability(option, prior),
            capability_fit: share(
                option.capabilities.iter().filter(|capability| capability.in_place).count(),
                option.capabilities.len(),
            ),
            economics: economics(prior),
        }
    }

    /// The weighted mean of the known components.
    pub fn total(&self) -> f64 {
        let parts = [
            (0.25, self.differentiation),
            (0.20, Some(self.evidence)),
            (0.20, self.segment_fit),
            (0.15, self.reachability),
            (0.10, Some(self.capability_fit)),
            (0.10, self.economics),
        ];
        let known = || parts.iter().filter_map(|(weight, part)| part.map(|part| (weight, part)));
        let weight: f64 = known().map(|(weight, _)| weight).sum();
        known().map(|(weight, part)| weight * part).sum::<f64>() / weight
    }
}

fn differentiation(option: &OptionDraft, prior: &PriorArtefacts) -> Option<f64> {
    let ladder = prior.competitor_ladder.as_ref()?;
    let nearest = ladder
        .rungs()
        .map(|rung| {
            let by_word = similarity(&option.word_to_own, &rung.word_owned);
            let by_claim = similarity(&option.statement, &rung.strengths.join(" "));
            by_word.max(by_claim) * rung.strength.clamp(0.0, 1.0)
        })
        .fold(0.0, f64::max);
    Some(1.0 - nearest)
}

fn evidence(option: &OptionDraft, prior: &PriorArtefacts) -> f64 {
    let claims = || prior.evidence.iter().flat_map(|evidence| &evidence.claims);
    let shown = |id: &String| claims().any(|claim| claim.id == *id && claim.is_supported());
    let supported = option
        .unique_attributes
        .iter()
        .filter(|attribute| attribute.basis.iter().any(shown))
        .count();
    share(supported, option.unique_attributes.len())
}

fn reachability(option: &OptionDraft, prior: &PriorArtefacts) -> Option<f64> {
    let in_use = &prior.brief.current_channels;
    let used = |channel: &&String| in_use.iter().any(|known| same_channel(channel, known));
    (!in_use.is_empty()).then(|| {
        share(option.reach_channels.iter().filter(used).count(), option.reach_channels.len())
    })
}

fn economics(prior: &PriorArtefacts) -> Option<f64> {
    let economics = prior.brief.unit_economics.as_ref()?;
    let ratio = crate::clv::Value::of(economics).ltv_to_cac?;
    Some((ratio / 3.0).clamp(0.0, 1.0))
}
