//! The competitor ladder: the position of each competitor in the buyer's mind, and words that
//! nobody owns.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// Ladders and the positions they leave open. Nothing in it is computed, so the draft is the
/// artefact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CompetitorLadder {
    /// 1 or 2 ladders, one for each category the buyer thinks in.
    pub ladders: Vec<Ladder>,
    /// 2 to 5 words that matter to buyers and that no rung owns.
    pub open_positions: Vec<OpenPosition>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// The ladder of one category.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The category as a buyer would call it, 3 to 80 characters.
    pub category: String,
    /// How the category relates to what buyers know.
    pub frame: Frame,
    /// 3 to 7 rungs, ranked from 1 without gaps. At least one is what buyers do without a vendor
    /// (`status_quo`).
    pub rungs: Vec<Rung>,
    /// Where the business itself stands.
    pub our_rung: OurRung,
    /// How the business should play from where it stands.
    pub strategy: RungStrategy,
}

/// How a category relates to what buyers know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// They know it.
    Existing,
    /// It is a corner of one they know.
    SubCategory,
    /// It is new to them.
    New,
}

/// One competitor in the buyer's mind.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// 1 for the first recalled.
    pub rank: u32,
    /// `cmp_` and a short slug; the same competitor keeps its id on another ladder.
    pub competitor_id: String,
    /// Its name.
    pub name: String,
    /// How it competes.
    #[serde(rename = "type")]
    pub kind: CompetitorKind,
    /// The one idea it owns in the buyer's mind, 1 to 3 words; no two rungs share one.
    pub word_owned: String,
    /// Ids of claims (`clm_`) or of assumptions in this document (`asm_`).
    pub basis: Vec<String>,
    /// True if no claim shows it. At most 30 % of the rungs.
    pub unverified: bool,
    /// How firmly it holds its place, from 0 to 1.
    pub strength: f64,
    /// Its price, such as `free`, `low`, `about 50 EUR a month`.
    pub price_band: String,
    /// Whom it serves best.
    pub target_segment: String,
    /// 1 to 4 strengths. No market share without a claim.
    pub strengths: Vec<String>,
    /// 1 to 4 weaknesses.
    pub weaknesses: Vec<String>,
}

/// How a competitor competes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompetitorKind {
    /// With the same sort of product.
    Direct,
    /// With another product for the same job.
    Indirect,
    /// By being what buyers already do.
    StatusQuo,
}

/// Where the business itself stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OurRung {
    /// The rank it would take; null if it is not on the ladder.
    pub rank: Option<u32>,
    /// Why there.
    pub rationale: String,
}

/// How to play from a rung.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RungStrategy {
    /// Hold the first place.
    Defend,
    /// Attack where the leader's strength is a weakness.
    AttackLeaderWeakness,
    /// Go where nobody is.
    Flank,
    /// Change what the leader's word means.
    RepositionLeader,
    /// Start another ladder.
    NewLadder,
}

/// A word that nobody owns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenPosition {
    /// 1 to 3 words, unlike any `word_owned`.
    pub word: String,
    /// Why nobody owns it.
    pub why_unowned: String,
    /// To which buyers it matters, and for which job.
    pub why_matters: String,
    /// How well it could be held, from 0 to 1.
    pub defensibility: f64,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`).
    pub basis: Vec<String>,
}

impl CompetitorLadder {
    /// Every rung of every ladder.
    pub fn rungs(&self) -> impl Iterator<Item = &Rung> {
        self.ladders.iter().flat_map(|ladder| &ladder.rungs)
    }

    /// Whether the business plans to redefine the leader's word, and so may use it.
    pub fn repositions_leader(&self) -> bool {
        self.ladders.iter().any(|ladder| ladder.strategy == RungStrategy::RepositionLeader)
    }
}

impl Draft for CompetitorLadder {
    type Artefact = Self;

    fn build(self, _: &PriorArtefacts) -> Self {
        self
    }
}

impl Artefact for CompetitorLadder {
    const KIND: Kind = Kind::CompetitorLadder;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
