//! The situation analysis: market, customers, internal strengths and weaknesses, external
//! opportunities and threats.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// The situation of the business. Nothing in it is computed, so the draft is the artefact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SituationAnalysis {
    /// The market the business is in.
    pub market: Market,
    /// Who buys, and why they change.
    pub customers: Customers,
    /// How competition works here, in 40 to 1200 characters.
    pub competitors_summary: String,
    /// What the business itself is good and bad at.
    pub internal: Internal,
    /// What the world around it offers and threatens.
    pub external: External,
    /// 2 to 6 forces of the wider environment; only those that matter here.
    pub pestel: Vec<Force>,
    /// 3 to 7 conclusions. At least three pair something internal with something external.
    pub implications: Vec<Implication>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// A market.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// Who buys what from whom, in 20 to 600 characters.
    pub definition: String,
    /// Its size, only if a source or an assumption gives one; else null.
    pub size: Option<MarketSize>,
    /// How it is changing, only if a source says so; else null.
    pub growth: Option<String>,
    /// Ids of claims (`clm_`) or of assumptions in this document (`asm_`) that support this.
    pub basis: Vec<String>,
}

/// How large a market is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarketSize {
    /// The figure.
    pub value: f64,
    /// Its unit, such as `EUR per year` or `harbours`.
    pub unit: String,
    /// The year it holds for.
    pub year: u32,
    /// How it was arrived at; null if unknown.
    pub method: Option<SizingMethod>,
}

/// How a market was sized.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SizingMethod {
    /// From a total, narrowed down.
    TopDown,
    /// From single customers, added up.
    BottomUp,
}

/// Who buys.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    /// 2 to 5 groups of buyers that behave differently.
    pub segments: Vec<String>,
    /// 1 to 6 things they want done.
    pub jobs: Vec<String>,
    /// 1 to 6 events that make them look for something new.
    pub switching_triggers: Vec<String>,
}

/// What the business is good and bad at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Internal {
    /// 3 to 6 things the business itself does or has.
    pub strengths: Vec<SwotItem>,
    /// 3 to 6 things the business itself lacks or does badly.
    pub weaknesses: Vec<SwotItem>,
}

/// What the world offers and threatens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// 3 to 6 developments outside the business that it could use.
    pub opportunities: Vec<SwotItem>,
    /// 3 to 6 developments outside the business that could hurt it.
    pub threats: Vec<SwotItem>,
}

/// A strength, weakness, opportunity or threat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwotItem {
    /// Unique id: `str_`, `wea_`, `opp_` or `thr_` and a short slug.
    pub id: String,
    /// One specific sentence of 15 to 300 characters.
    pub text: String,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`).
    pub basis: Vec<String>,
}

/// A force of the wider environment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Force {
    /// Which sort of force.
    pub factor: Factor,
    /// What it does to this business, in 15 to 300 characters.
    pub text: String,
    /// Ids of claims (`clm_`) or of assumptions in this document (`asm_`).
    pub basis: Vec<String>,
}

/// Sorts of forces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Governments.
    Political,
    /// Money.
    Economic,
    /// People.
    Social,
    /// Technology.
    Technological,
    /// Nature.
    Environmental,
    /// Law.
    Legal,
}

/// A conclusion.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Implication {
    /// The conclusion as one sentence.
    pub statement: String,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`).
    pub because: Vec<String>,
    /// What the business should do about it.
    pub so_what: String,
    /// Id of the strength or weakness it pairs; null if none.
    pub internal_ref: Option<String>,
    /// Id of the opportunity or threat it pairs; null if none.
    pub external_ref: Option<String>,
}

impl Draft for SituationAnalysis {
    type Artefact = Self;

    fn build(self, _: &PriorArtefacts) -> Self {
        self
    }
}

impl Artefact for SituationAnalysis {
    const KIND: Kind = Kind::SituationAnalysis;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
