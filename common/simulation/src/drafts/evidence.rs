use marketing::artefact::evidence::{
    ClaimDraft, ClaimKind, EvidenceDraft, QuoteDraft, Relation, Stance, Strength,
};

use super::{
    story::Story,
    wording::{cut, is_unfinished, one_line, overlap, phrase, strings},
};
use crate::context::Document;

/// The most claims from one source, so that the brief does not crowd out the documents.
const CLAIMS_PER_SOURCE: usize = 8;
const MOST_CLAIMS: usize = 16;
/// The most bytes of all quotes together: each occurs twice in the answer, and the step's output
/// bound is 6 000 tokens.
const QUOTED_BYTES: usize = 6_000;
/// The least number of claims, inferences included, so that even a short brief supports the later
/// steps.
const FEWEST_CLAIMS: usize = 8;
const SHORTEST_QUOTE: usize = 15;
const LONGEST_QUOTE: usize = 300;

pub(super) fn draft(story: &Story<'_>) -> EvidenceDraft {
    let mut claims: Vec<ClaimDraft> = Vec::new();
    let mut room = QUOTED_BYTES;
    for document in &story.context.documents {
        for (n, quote) in quotes(&document.text).take(CLAIMS_PER_SOURCE).enumerate() {
            let fits = claims.len() < MOST_CLAIMS && quote.len() <= room;
            if fits && !claims.iter().any(|claim| overlap(&claim.text, quote)) {
                room -= quote.len();
                claims.push(stated(story, document, n + 1, quote));
            }
        }
    }
    let premises: Vec<String> = claims.iter().map(|claim| claim.id.clone()).collect();
    let missing = FEWEST_CLAIMS.saturating_sub(claims.len());
    if premises.len() > 1 {
        claims.extend((0..missing).filter_map(|n| inferred(story, &premises, n)));
    }
    EvidenceDraft {
        claims,
        contradictions: Vec::new(),
        gaps: strings([
            "How do buyers describe the problem in their own words?",
            "Which share of first conversations ends in a purchase, and where do the others stop?",
            "What did the latest lost customer choose instead, and why?",
        ]),
        assumptions: story.assumptions([
            (
                "What the business says about itself holds for its customers as well.",
                "Ask ten customers what changed for them since they bought.",
            ),
            (
                "The sources describe the present, not an earlier year.",
                "Date each source with its author before it is used in public.",
            ),
        ]),
    }
}

fn stated(story: &Story<'_>, document: &Document, n: usize, quote: &str) -> ClaimDraft {
    let source = document.id.trim_start_matches("src_");
    let lower = quote.to_lowercase();
    let hurts = [
        "lost",
        "left",
        "wrong",
        "cost",
        "problem",
        "competitor",
        "constraint",
        "slow",
        "difficult",
    ];
    let stance = if hurts.iter().any(|word| lower.contains(word)) {
        Stance::Unfavourable
    } else {
        Stance::Favourable
    };
    ClaimDraft {
        id: format!("clm_{source}_{n}"),
        text: one_line(quote),
        kind: ClaimKind::Fact,
        subject: phrase(quote, 3, &story.trade),
        stance,
        as_of: None,
        statistic: None,
        quotes: vec![QuoteDraft {
            source_id: document.id.clone(),
            quote: quote.into(),
            relation: Relation::Supports,
            strength: Strength::Strong,
        }],
        derived_from: Vec::new(),
    }
}

fn inferred(story: &Story<'_>, premises: &[String], n: usize) -> Option<ClaimDraft> {
    let Story { name, offer, place, .. } = story;
    let inferences = [
        (
            "first weeks",
            format!("Buyers of {offer} judge {name} by what they see in their first weeks."),
        ),
        (
            "bottleneck",
            "Too few right conversations, rather than too weak a product, hold growth back.".into(),
        ),
        (
            "proof",
            "Something that can be shown convinces hesitant people sooner than another feature."
                .into(),
        ),
        (
            "habit",
            "Custom protects the present way of working more than any rival protects itself."
                .into(),
        ),
        (
            "local standing",
            format!("Presence in {place} gives a reputation which strangers cannot copy quickly."),
        ),
        (
            "attention",
            "The team must choose few channels, because hours run out before ideas do.".into(),
        ),
        (
            "switching",
            "A change becomes thinkable when the present arrangement has failed in public.".into(),
        ),
    ];
    let (subject, text) = inferences.into_iter().nth(n)?;
    let premise = |offset: usize| premises[(n + offset) % premises.len()].clone();
    Some(ClaimDraft {
        id: format!("clm_inferred_{}", n + 1),
        text,
        kind: ClaimKind::Inference,
        subject: subject.into(),
        stance: Stance::Neutral,
        as_of: None,
        statistic: None,
        quotes: Vec::new(),
        derived_from: vec![premise(0), premise(1)],
    })
}

/// Sentences of a text that are long enough to mean something, cut to the longest quote allowed.
fn quotes(text: &str) -> impl Iterator<Item = &str> {
    let sentences = text.lines().flat_map(|line| line.split_inclusive(['.', '!', '?', ';']));
    let parts = sentences.map(|sentence| cut(sentence.trim(), LONGEST_QUOTE));
    parts.filter(|quote| one_line(quote).chars().count() >= SHORTEST_QUOTE && !is_unfinished(quote))
}
