//! The plan: situation, objectives, strategy, tactics, action, control. It is written in two parts,
//! because the strategy depends on positioning and customer profiles.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// The first part: where the business stands and what it wants.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SostacOpeningDraft {
    /// Where the business stands.
    pub situation: Situation,
    /// 3 to 6 objectives; at least one at business level.
    pub objectives: Vec<Objective>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// The second part: how it gets there.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SostacPlanDraft {
    /// The way chosen.
    pub strategy: Strategy,
    /// 5 to 12 tactics. Every objective has one; together they stay within the monthly budget.
    pub tactics: Vec<Tactic>,
    /// 8 to 20 actions over 13 weeks.
    pub action: Vec<Action>,
    /// How progress is watched.
    pub control: Control,
    /// What this part takes for granted.
    pub assumptions: Vec<Assumption>,
}

/// The plan. The later fields are `None` until the second part is written.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sostac {
    /// The present situation of the business.
    pub situation: Situation,
    /// The objectives.
    pub objectives: Vec<Objective>,
    /// The strategy.
    pub strategy: Option<Strategy>,
    /// The tactics for each objective.
    pub tactics: Option<Vec<Tactic>>,
    /// The actions with their owners and weeks.
    pub action: Option<Vec<Action>>,
    /// How progress is monitored.
    pub control: Option<Control>,
    /// Assumptions of the plan.
    pub assumptions: Vec<Assumption>,
}

/// Where the business stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// 40 to 800 characters.
    pub summary: String,
    /// 3 to 7 insights that the objectives follow from.
    pub insights: Vec<Insight>,
}

/// Something worth acting on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Insight {
    /// The insight as one sentence.
    pub text: String,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`).
    pub basis: Vec<String>,
}

/// Something to reach, in figures and by a day.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Unique id, `obj_` and a short slug.
    pub id: String,
    /// The objective as one sentence with figure and date.
    pub statement: String,
    /// Unique id for the metric it is measured by, `met_` and a short slug.
    pub metric_id: String,
    /// Name of that metric.
    pub metric: String,
    /// Unit of baseline and target.
    pub unit: String,
    /// The figure today; null if unknown.
    pub baseline: Option<f64>,
    /// Where the baseline comes from; if unknown, how to get it.
    pub baseline_source: String,
    /// The figure to reach.
    pub target: f64,
    /// The last day to reach it, as yyyy-mm-dd, within 12 months from today.
    pub deadline: String,
    /// What it is an objective of.
    pub level: ObjectiveLevel,
    /// Which of the five S it serves.
    pub five_s: FiveS,
    /// Number of the client's goal it serves: 1 for the first in the brief.
    pub goal: u32,
}

/// What an objective is an objective of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectiveLevel {
    /// The business: revenue, customers, margin.
    Business,
    /// Marketing: leads, trials, conversion.
    Marketing,
    /// Communication: awareness, recall, preference.
    Communication,
}

/// The five S of digital objectives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiveS {
    /// Grow sales.
    Sell,
    /// Add value.
    Serve,
    /// Get closer to customers.
    Speak,
    /// Save cost.
    Save,
    /// Extend the brand.
    Sizzle,
}

/// The way chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// How the market is divided, and why so.
    pub segmentation: String,
    /// Ids of the customer profiles to go for (`icp_`), the first one first.
    pub icp_refs: Vec<String>,
    /// Id of the selected positioning option (`opt_`).
    pub positioning_ref: String,
    /// What the business promises them.
    pub value_proposition: String,
    /// What comes first, second and so on; 2 to 6 steps.
    pub sequence: Vec<String>,
    /// At least two things the business will not do, and why.
    pub trade_offs: Vec<String>,
    /// Where growth comes from.
    pub growth_direction: GrowthDirection,
}

/// Where growth comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthDirection {
    /// The same product to the same market.
    MarketPenetration,
    /// The same product to another market.
    MarketDevelopment,
    /// Another product to the same market.
    ProductDevelopment,
    /// Another product to another market.
    Diversification,
}

/// One of the seven Ps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MixElement {
    /// What is sold.
    Product,
    /// For how much.
    Price,
    /// Where.
    Place,
    /// How it becomes known.
    Promotion,
    /// By whom.
    People,
    /// In which steps.
    Process,
    /// With what to show.
    PhysicalEvidence,
}

/// Something to do for an objective.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tactic {
    /// Unique id, `tac_` and a short slug.
    pub id: String,
    /// Which part of the marketing mix it uses.
    pub element: MixElement,
    /// Where it happens.
    pub channel: String,
    /// Ids of the customer profiles it reaches.
    pub icp_refs: Vec<String>,
    /// At least one id of an objective it serves.
    pub objective_refs: Vec<String>,
    /// Ids of the north-star inputs it moves (`met_`); empty if none.
    pub metric_refs: Vec<String>,
    /// What is done, in 20 to 400 characters.
    pub description: String,
    /// Cost in the brief's currency each month.
    pub cost_per_month: f64,
    /// Hours each week.
    pub hours_per_week: f64,
    /// What it should change, and by how much.
    pub expected_effect: String,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`) why it
    /// should work.
    pub basis: Vec<String>,
}

/// A piece of work.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Unique id, `act_` and a short slug.
    pub id: String,
    /// What is done.
    pub task: String,
    /// Role that answers for it.
    pub owner_role: String,
    /// First week, 1 to 13.
    pub start_week: u32,
    /// Last week, 1 to 13.
    pub end_week: u32,
    /// Hours in all.
    pub hours: f64,
    /// Ids of actions that must end before this one starts or in the week it starts.
    pub dependency_refs: Vec<String>,
    /// How anybody can see that it is done.
    pub done_when: String,
}

/// How progress is watched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// One for every objective.
    pub measures: Vec<ControlMeasure>,
    /// 2 to 6 dates or rhythms at which the plan is reviewed, and by whom.
    pub review_calendar: Vec<String>,
}

/// How one objective is watched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlMeasure {
    /// Id of the objective.
    pub objective_ref: String,
    /// What is measured.
    pub kpi: String,
    /// Where the figure comes from.
    pub source: String,
    /// How often.
    pub cadence: String,
    /// When all is well.
    pub green: String,
    /// When to look closer.
    pub amber: String,
    /// When to act.
    pub red: String,
    /// What makes the business stop or change course.
    pub trigger: String,
    /// What it does then.
    pub response: String,
}

impl Sostac {
    /// The tactics; empty while only the opening exists.
    pub fn tactics(&self) -> &[Tactic] {
        self.tactics.as_deref().unwrap_or_default()
    }

    /// The actions; empty while only the opening exists.
    pub fn actions(&self) -> &[Action] {
        self.action.as_deref().unwrap_or_default()
    }

    /// The total monthly cost of the tactics, in the brief's currency.
    pub fn cost_per_month(&self) -> f64 {
        self.tactics().iter().map(|tactic| tactic.cost_per_month).sum()
    }

    /// The total weekly hours of the tactics.
    pub fn hours_per_week(&self) -> f64 {
        self.tactics().iter().map(|tactic| tactic.hours_per_week).sum()
    }
}

impl Draft for SostacOpeningDraft {
    type Artefact = Sostac;

    fn build(self, _: &PriorArtefacts) -> Sostac {
        Sostac {
            situation: self.situation,
            objectives: self.objectives,
            strategy: None,
            tactics: None,
            action: None,
            control: None,
            assumptions: self.assumptions,
        }
    }
}

impl Draft for SostacPlanDraft {
    type Artefact = Sostac;

    /// Joins the plan to the opening. Without an opening the rules report what is missing.
    fn build(self, prior: &PriorArtefacts) -> Sostac {
        let (situation, objectives, mut assumptions) = match prior.sostac.clone() {
            Some(opening) => (opening.situation, opening.objectives, opening.assumptions),
            None => {
                (Situation { summary: String::new(), insights: Vec::new() }, Vec::new(), Vec::new())
            }
        };
        // A repair or a second run of this step starts from a plan that already contains the
        // earlier assumptions.
        assumptions.retain(|known| self.assumptions.iter().all(|new| new.id != known.id));
        assumptions.extend(self.assumptions);
        Sostac {
            situation,
            objectives,
            strategy: Some(self.strategy),
            tactics: Some(self.tactics),
            action: Some(self.action),
            control: Some(self.control),
            assumptions,
        }
    }
}

impl Artefact for Sostac {
    const KIND: Kind = Kind::Sostac;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
