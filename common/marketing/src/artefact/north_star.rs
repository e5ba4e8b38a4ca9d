//! The north-star metric: the one figure that grows when customers get the value they came for.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// What a model writes as north star.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NorthStarDraft {
    /// The metric: the candidate with the highest total.
    pub metric: Metric,
    /// Exactly 3 candidates, the metric among them under the same name.
    pub candidates: Vec<CandidateDraft>,
    /// 3 to 6 metrics that move the north star, of at least two dimensions.
    pub input_metrics: Vec<InputMetric>,
    /// 1 to 3 metrics that must not get worse meanwhile.
    pub guardrails: Vec<String>,
    /// 1 to 4 results that follow later, such as revenue.
    pub lagging: Vec<String>,
    /// What it should be when.
    pub targets: Targets,
    /// How the inputs make up the metric: an equation or a tree in words.
    pub relation: String,
    /// At least one id of an objective it serves (`obj_`).
    pub objective_refs: Vec<String>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// The metric, its candidates and its input metrics.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NorthStar {
    /// The metric.
    pub metric: Metric,
    /// The candidates that it was chosen from.
    pub candidates: Vec<Candidate>,
    /// The metrics that drive it.
    pub input_metrics: Vec<InputMetric>,
    /// Metrics that must not get worse.
    pub guardrails: Vec<String>,
    /// Metrics that follow later.
    pub lagging: Vec<String>,
    /// Target values with their dates.
    pub targets: Targets,
    /// How the input metrics combine to the metric.
    pub relation: String,
    /// The objectives that it serves.
    pub objective_refs: Vec<String>,
    /// Assumptions of the metric.
    pub assumptions: Vec<Assumption>,
}

/// A metric.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Unique id, `met_` and a short slug, unlike the objectives' metrics.
    pub id: String,
    /// Its name. Not revenue, sign-ups, page views or followers.
    pub name: String,
    /// What is counted, exactly.
    pub definition: String,
    /// How it is computed.
    pub formula: String,
    /// Its unit.
    pub unit: String,
    /// What customers give the business.
    pub game: Game,
    /// Why it grows only when customers get value.
    pub why_value: String,
    /// Why revenue follows it.
    pub why_leads_revenue: String,
    /// Role that answers for it.
    pub owner_role: String,
    /// Where the figure comes from.
    pub source_system: String,
    /// How often it is read.
    pub cadence: String,
}

/// What customers give a business.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Game {
    /// Their time.
    Attention,
    /// Their purchases.
    Transaction,
    /// Their work.
    Productivity,
}

/// A candidate with its six scores, each 1 to 5. Unknown fields are ignored: the totalled candidate
/// lays its own beside these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CandidateDraft {
    /// Its name.
    pub name: String,
    /// Does it grow with customers' value?
    pub value: u32,
    /// Does it run ahead of revenue?
    pub leading: u32,
    /// Can the team move it?
    pub actionable: u32,
    /// Does everybody understand it?
    pub understandable: u32,
    /// Can it be measured?
    pub measurable: u32,
    /// Is it hard to game?
    pub hard_to_game: u32,
}

/// A candidate and its total score.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The candidate as scored.
    #[serde(flatten)]
    pub scores: CandidateDraft,
    /// The sum of its six scores.
    pub total: u32,
}

/// A metric that moves the north star.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputMetric {
    /// Unique id, `met_` and a short slug, unlike the objectives' metrics.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which dimension of use it measures.
    pub dimension: Dimension,
    /// How it is computed.
    pub formula: String,
    /// The figure today; null if unknown.
    pub baseline: Option<f64>,
    /// The figure in twelve months.
    pub target: f64,
    /// At least one thing the business can do to move it; the plan's tactics take these up.
    pub levers: Vec<String>,
}

/// Dimensions of use.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// How many.
    Breadth,
    /// How intensely.
    Depth,
    /// How often.
    Frequency,
    /// How well.
    Efficiency,
}

/// What a metric should be when.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// In three months.
    pub m3: f64,
    /// In six months.
    pub m6: f64,
    /// In twelve months.
    pub m12: f64,
    /// True only if a smaller figure is the better one.
    pub lower_is_better: bool,
}

impl CandidateDraft {
    /// The six scores by name.
    pub fn each(&self) -> [(&'static str, u32); 6] {
        [
            ("value", self.value),
            ("leading", self.leading),
            ("actionable", self.actionable),
            ("understandable", self.understandable),
            ("measurable", self.measurable),
            ("hard_to_game", self.hard_to_game),
        ]
    }

    /// The sum of the scores. A score out of bounds counts as the nearest valid one.
    fn total(&self) -> u32 {
        self.each().iter().map(|(_, score)| score.clamp(&1, &5)).sum()
    }
}

impl Draft for NorthStarDraft {
    type Artefact = NorthStar;

    fn build(self, _: &PriorArtefacts) -> NorthStar {
        let totalled = |scores: CandidateDraft| Candidate { total: scores.total(), scores };
        NorthStar {
            metric: self.metric,
            candidates: self.candidates.into_iter().map(totalled).collect(),
            input_metrics: self.input_metrics,
            guardrails: self.guardrails,
            lagging: self.lagging,
            targets: self.targets,
            relation: self.relation,
            objective_refs: self.objective_refs,
            assumptions: self.assumptions,
        }
    }
}

impl Artefact for NorthStar {
    const KIND: Kind = Kind::NorthStar;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
