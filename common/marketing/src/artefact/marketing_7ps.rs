//! The marketing mix: seven decisions, each with the change, the reason and the measure.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts, assumption::Level};

/// The seven Ps. Nothing in it is computed, so the draft is the artefact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Marketing7ps {
    /// What is sold.
    pub product: Product,
    /// For how much.
    pub price: Price,
    /// Where.
    pub place: Place,
    /// How it becomes known.
    pub promotion: Promotion,
    /// By whom.
    pub people: People,
    /// In which steps.
    pub process: Process,
    /// With what to show.
    pub physical_evidence: PhysicalEvidence,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// What every P decides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixDecision {
    /// How it is today.
    pub current: String,
    /// What is decided.
    pub decision: String,
    /// 1 to 5 changes; no two Ps share one.
    pub changes: Vec<MixChange>,
    /// Why.
    pub rationale: String,
    /// Id of the selected positioning option (`opt_`).
    pub positioning_ref: String,
    /// At least one id of a customer profile (`icp_`) it is decided for.
    pub icp_refs: Vec<String>,
    /// Id of the metric that will show it (`met_`), from the objectives or the north star.
    pub kpi_metric_id: String,
    /// At most 3.
    pub risks: Vec<String>,
}

/// A change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixChange {
    /// What is done.
    pub action: String,
    /// How much it brings.
    pub impact: Level,
    /// How much work it is.
    pub effort: Level,
    /// What it costs, in the brief's currency or in words.
    pub cost: String,
    /// Role that answers for it.
    pub owner_role: String,
    /// Week it starts, 1 to 13.
    pub week: u32,
}

/// What is sold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// What is decided.
    pub decision: MixDecision,
    /// The need it meets.
    pub core: String,
    /// What the buyer gets.
    pub actual: String,
    /// What comes with it.
    pub augmented: String,
    /// What marketing asks of the product team; at most 5.
    pub roadmap_asks: Vec<String>,
}

/// For how much.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What is decided.
    pub decision: MixDecision,
    /// How it is charged.
    pub model: String,
    /// 1 to 5 prices in the brief's currency, in line with the unit economics.
    pub price_points: Vec<PricePoint>,
    /// What the price grows with.
    pub value_metric: String,
    /// Who gets a discount, and when not.
    pub discount_policy: String,
    /// Ids of claims (`clm_`) or of assumptions in this document (`asm_`) that buyers will pay it.
    pub willingness_basis: Vec<String>,
}

/// A price.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PricePoint {
    /// What it is for.
    pub name: String,
    /// How much.
    pub amount: f64,
    /// Currency of the brief.
    pub currency: String,
    /// How often it is paid.
    pub period: PricePeriod,
}

/// How often a price is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PricePeriod {
    /// Once.
    Once,
    /// Every month.
    Month,
    /// Every year.
    Year,
    /// By use.
    Usage,
}

/// Where it is sold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What is decided.
    pub decision: MixDecision,
    /// 1 to 5 ways to the buyer.
    pub channels: Vec<String>,
    /// Which places are served.
    pub coverage: String,
    /// At most 5 partners.
    pub partners: Vec<String>,
}

/// How it becomes known.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// What is decided.
    pub decision: MixDecision,
    /// 2 to 8 channels whose budget shares add up to 100.
    pub channel_mix: Vec<MixChannel>,
}

/// A channel's share.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixChannel {
    /// Its name, as the customer profiles call it.
    pub channel: String,
    /// What it is for.
    pub role: Race,
    /// Share of the budget in percent.
    pub budget_pct: f64,
    /// Ids of the customer profiles it reaches.
    pub icp_refs: Vec<String>,
    /// Why it is used although no profile names it; null if one does.
    pub reason: Option<String>,
}

/// Stages of a campaign.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Race {
    /// Being seen.
    Reach,
    /// A first response.
    Act,
    /// Buying.
    Convert,
    /// Staying and recommending.
    Engage,
}

/// By whom it is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// What is decided.
    pub decision: MixDecision,
    /// 1 to 5 roles.
    pub roles: Vec<String>,
    /// What every customer can count on.
    pub service_standard: String,
    /// What the team must learn.
    pub training: String,
}

/// In which steps a buyer becomes a customer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// What is decided.
    pub decision: MixDecision,
    /// At least 4 stages from first contact to loyal customer.
    pub journey: Vec<JourneyStage>,
    /// What is promised about times.
    pub service_level: String,
}

/// A stage of the journey.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JourneyStage {
    /// Its name.
    pub stage: String,
    /// What goes wrong there.
    pub friction: String,
    /// What is done about it.
    pub fix: String,
}

/// With what to show.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhysicalEvidence {
    /// What is decided.
    pub decision: MixDecision,
    /// At least 3 proofs, each for an objection of a customer profile.
    pub proof_assets: Vec<ProofAsset>,
}

/// A proof.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofAsset {
    /// What is shown.
    pub asset: String,
    /// The objection it answers, in the profile's words.
    pub objection: String,
}

impl Marketing7ps {
    /// The seven decisions by name.
    pub fn decisions(&self) -> [(&'static str, &MixDecision); 7] {
        [
            ("product", &self.product.decision),
            ("price", &self.price.decision),
            ("place", &self.place.decision),
            ("promotion", &self.promotion.decision),
            ("people", &self.people.decision),
            ("process", &self.process.decision),
            ("physical_evidence", &self.physical_evidence.decision),
        ]
    }
}

impl Draft for Marketing7ps {
    type Artefact = Self;

    fn build(self, _: &PriorArtefacts) -> Self {
        self
    }
}

impl Artefact for Marketing7ps {
    const KIND: Kind = Kind::Marketing7ps;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
