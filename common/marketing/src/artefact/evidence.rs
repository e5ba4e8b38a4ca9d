//! Evidence: claims with quotes that were located in a stored source.

mod confidence;
mod quote;
mod rules;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use quote::locate;

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// What a model writes as evidence.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceDraft {
    /// 8 to 30 claims that matter for marketing this business: fewer only when the sources hold no
    /// more.
    pub claims: Vec<ClaimDraft>,
    /// Every pair of claims that cannot both be true. Empty if there is none.
    pub contradictions: Vec<Contradiction>,
    /// 1 to 6 questions that the sources leave open and that would change the advice.
    pub gaps: Vec<String>,
    /// What later steps will have to take for granted because no source shows it.
    pub assumptions: Vec<Assumption>,
}

/// One claim.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimDraft {
    /// Unique id, `clm_` and a short slug.
    pub id: String,
    /// The claim as one sentence of 15 to 400 characters.
    pub text: String,
    /// What sort of claim it is. A fact or statistic needs a quote; an inference needs two claims
    /// in `derived_from`.
    #[serde(rename = "type")]
    pub kind: ClaimKind,
    /// What it is about, in one to four words, such as `sales cycle`.
    pub subject: String,
    /// Whether it helps or hurts the business.
    pub stance: Stance,
    /// When it was true, as a year or a date such as 2025 or 2025-06-30; null if the source does
    /// not say.
    pub as_of: Option<String>,
    /// The figure; required for a statistic, else null.
    pub statistic: Option<Statistic>,
    /// Quotes that support or contradict the claim, copied character by character from a source.
    pub quotes: Vec<QuoteDraft>,
    /// For an inference: ids of the two or more claims it follows from. Else empty.
    pub derived_from: Vec<String>,
}

/// What sort of claim something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// Can be looked up.
    Fact,
    /// A fact with a figure.
    Statistic,
    /// What somebody thinks.
    Opinion,
    /// Follows from other claims.
    Inference,
}

/// What a claim means for the business.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// It helps.
    Favourable,
    /// It does neither.
    Neutral,
    /// It hurts.
    Unfavourable,
}

/// A figure with everything needed to check it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statistic {
    /// The figure as a plain number.
    pub value: f64,
    /// Its unit, such as `percent` or `EUR per month`.
    pub unit: String,
    /// Of what or whom, such as `paying harbours`.
    pub population: String,
    /// The year it was measured.
    pub year: u32,
}

/// Words copied from a source.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteDraft {
    /// Id of the source, as given with the documents.
    pub source_id: String,
    /// 10 to 300 characters, exactly as they stand in the source, without ellipsis.
    pub quote: String,
    /// What the quote does to the claim.
    pub relation: Relation,
    /// How directly it does so.
    pub strength: Strength,
}

/// What a quote does to a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Speaks for it.
    Supports,
    /// Speaks against it.
    Contradicts,
}

/// How directly a quote bears on a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Hints at it.
    Weak,
    /// Implies it.
    Moderate,
    /// States it.
    Strong,
}

/// Two claims that cannot both be true.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contradiction {
    /// Id of one claim.
    pub claim_id: String,
    /// Id of the other.
    pub other_claim_id: String,
    /// Why they cannot both be true, and which deserves more trust.
    pub explanation: String,
}

/// Claims, their sources, and the reliability of both.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The texts that were read.
    pub sources: Vec<Source>,
    /// The claims.
    pub claims: Vec<Claim>,
    /// Claims that contradict each other.
    pub contradictions: Vec<Contradiction>,
    /// Questions that the sources leave open.
    pub gaps: Vec<String>,
    /// Whether there is enough evidence.
    pub evidence_level: EvidenceLevel,
    /// Share of claims with a located quote, or derived from claims that have one.
    pub coverage: f64,
    /// Assumptions of the evidence.
    pub assumptions: Vec<Assumption>,
}

/// Whether the evidence supports conclusions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceLevel {
    /// Too few claims, sources or publishers: artefacts that build on it must state assumptions.
    Low,
    /// Enough claims, sources and publishers.
    Full,
}

/// A text that was read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The id: `src_` and a slug.
    pub id: String,
    /// The kind of the source.
    pub kind: SourceKind,
    /// The title of the text.
    pub title: String,
    /// The address of the text, if it has one.
    pub url: Option<String>,
    /// The publisher. Texts by one publisher count as one source in confidence.
    pub publisher: String,
    /// The day on which it was read.
    pub retrieved_at: Date,
    pub content_hash: String,
    /// The reliability of a source of this kind, from 0 to 1.
    pub reliability: f64,
    /// The id of the document in the knowledge base, as in `GET /v1/documents/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// The quoted parts of the text.
    pub excerpts: Vec<Offsets>,
}

/// The kind of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A document that the client supplied.
    UserDoc,
    /// A web page.
    Web,
    /// A customer's review.
    Review,
    /// An official filing.
    Filing,
    /// Published data.
    Dataset,
    /// An interview.
    Interview,
    /// The brief itself.
    UserStatement,
}

/// A range of a text, in characters from its start; `end` is the offset after the last character.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Offsets {
    /// Offset of the first character.
    pub start: usize,
    /// Offset after the last character.
    pub end: usize,
}

/// A claim with its computed confidence.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// The id: `clm_` and a slug.
    pub id: String,
    /// The text of the claim.
    pub text: String,
    /// The kind of the claim.
    #[serde(rename = "type")]
    pub kind: ClaimKind,
    /// The subject of the claim.
    pub subject: String,
    /// Whether it is good or bad for the business.
    pub stance: Stance,
    /// The confidence from 0 to 1, computed from the located quotes.
    pub confidence: f64,
    /// The time for which it is true.
    pub as_of: Option<String>,
    /// The figure of a statistical claim.
    pub statistic: Option<Statistic>,
    /// Sources with a located quote that supports the claim.
    pub source_refs: Vec<String>,
    /// The quotes of the claim.
    pub quotes: Vec<Quote>,
    /// Ids of the claims that it is derived from.
    pub derived_from: Vec<String>,
}

/// A quote: words copied from a source.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quote {
    /// The id of the source.
    pub source_id: String,
    /// The quoted words.
    pub quote: String,
    /// Whether the quote supports or contradicts the claim.
    pub relation: Relation,
    /// How directly it does so.
    pub strength: Strength,
    /// The range of the quote in the source; `None` if it was not found there.
    pub offsets: Option<Offsets>,
}

impl Claim {
    /// Whether the claim has a located quote or is derived from other claims.
    pub fn is_supported(&self) -> bool {
        !self.source_refs.is_empty() || !self.derived_from.is_empty()
    }
}

impl Draft for EvidenceDraft {
    type Artefact = Evidence;

    fn build(self, prior: &PriorArtefacts) -> Evidence {
        let mut claims: Vec<Claim> =
            self.claims.into_iter().map(|claim| located(claim, prior)).collect();
        let sources = sources(prior, &claims);
        confidence::compute(&mut claims, &sources, &self.contradictions);
        let coverage = confidence::coverage(&claims);
        let evidence_level = confidence::level(&claims, &sources);
        Evidence {
            sources,
            claims,
            contradictions: self.contradictions,
            gaps: self.gaps,
            evidence_level,
            coverage,
            assumptions: self.assumptions,
        }
    }
}

impl Artefact for Evidence {
    const KIND: Kind = Kind::Evidence;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}

fn located(claim: ClaimDraft, prior: &PriorArtefacts) -> Claim {
    let quotes: Vec<Quote> = claim
        .quotes
        .into_iter()
        .map(|quote| {
            let source = prior.documents.iter().find(|source| source.id == quote.source_id);
            let offsets = source.and_then(|source| source.locate(&quote.quote));
            let QuoteDraft { source_id, quote, relation, strength } = quote;
            Quote { source_id, quote, relation, strength, offsets }
        })
        .collect();
    let supports = |quote: &&Quote| quote.relation == Relation::Supports && quote.offsets.is_some();
    let mut source_refs: Vec<String> =
        quotes.iter().filter(supports).map(|quote| quote.source_id.clone()).collect();
    source_refs.sort();
    source_refs.dedup();
    Claim {
        id: claim.id,
        text: claim.text,
        kind: claim.kind,
        subject: claim.subject,
        stance: claim.stance,
        confidence: 0.0,
        as_of: claim.as_of,
        statistic: claim.statistic,
        source_refs,
        quotes,
        derived_from: claim.derived_from,
    }
}

fn sources(prior: &PriorArtefacts, claims: &[Claim]) -> Vec<Source> {
    let quotes = || claims.iter().flat_map(|claim| &claim.quotes);
    prior
        .documents
        .iter()
        .map(|source| {
            let of_source = quotes().filter(|quote| quote.source_id == source.id);
            let mut excerpts: Vec<Offsets> = of_source.filter_map(|quote| quote.offsets).collect();
            excerpts.sort_unstable();
            excerpts.dedup();
            Source {
                id: source.id.clone(),
                kind: source.kind,
                title: source.title.clone(),
                url: source.url.clone(),
                publisher: source.publisher.clone().unwrap_or_else(|| prior.brief.name.clone()),
                retrieved_at: prior.today,
                content_hash: domain::digest(&[&source.text]),
                reliability: confidence::reliability(source.kind),
                document_id: source.document_id.clone(),
                excerpts,
            }
        })
        .collect()
}
