//! The measurement plan, after AMEC's integrated evaluation framework: seven steps from objectives
//! to impact, each caused by the one before.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// The plan. Nothing in it is computed, so the draft is the artefact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Amec {
    /// 2 to 6 objectives, of the organisation and of communication.
    pub objectives: Vec<AmecObjective>,
    /// 2 to 8 resources that go in.
    pub inputs: Vec<AmecInput>,
    /// 3 to 12 things that are done.
    pub activities: Vec<Activity>,
    /// 3 to 8 measures of what comes out: items, reach, impressions. Caused by activities.
    pub outputs: Vec<Measure>,
    /// 2 to 6 measures of what the audience takes in: attention, recall, engagement. Caused by
    /// outputs.
    pub outtakes: Vec<Measure>,
    /// 2 to 6 measures of what the audience changes: knowledge, preference, leads, trials. Caused
    /// by outtakes.
    pub outcomes: Vec<Measure>,
    /// 1 to 4 measures of what the organisation gains: revenue, retention, share. Caused by
    /// outcomes.
    pub impact: Vec<Impact>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// An objective that is evaluated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmecObjective {
    /// Id of the objective (`obj_`).
    pub objective_ref: String,
    /// Whose objective it is.
    pub scope: Scope,
}

/// Whose objective something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The organisation's.
    Organisational,
    /// Its communication's.
    Communication,
}

/// A resource.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmecInput {
    /// What it is.
    pub resource: String,
    /// How much.
    pub amount: f64,
    /// Currency or hours, and per what.
    pub unit: String,
    /// What is known before the start: research, baselines.
    pub baseline_research: String,
}

/// Something that is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Unique id, `ams_` and a short slug.
    pub id: String,
    /// What is done.
    pub description: String,
    /// At least one id of a tactic (`tac_`) or a calendar item (`cal_`).
    pub refs: Vec<String>,
}

/// A measure.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Unique id, `ams_` and a short slug.
    pub id: String,
    /// What is measured, exactly. Never advertising value equivalents.
    pub definition: String,
    /// Where it is measured; `all` if everywhere.
    pub channel: String,
    /// The figure today; null if unknown.
    pub baseline: Option<f64>,
    /// The figure to reach.
    pub target: f64,
    /// Unit of both.
    pub unit: String,
    /// When it is to be reached, as yyyy-mm-dd.
    pub date: String,
    /// Where the figure comes from.
    pub data_source: String,
    /// Counting or asking; at least one measure of the plan is qualitative.
    pub method: Method,
    /// How often it is read.
    pub cadence: String,
    /// Role that answers for it.
    pub owner_role: String,
    /// How sure the target is, from 0 to 1.
    pub confidence: f64,
    /// At least one id (`ams_`) of the step before that causes it.
    pub caused_by: Vec<String>,
}

/// How something is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By counting.
    Quant,
    /// By asking or reading.
    Qual,
}

/// A measure of what the organisation gains.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// The measure.
    pub measure: Measure,
    /// At least one id of an objective (`obj_`) or of the north star (`met_`) that it equals or
    /// feeds.
    pub feeds: Vec<String>,
    /// How a gain is ascribed to marketing.
    pub attribution_model: String,
    /// What that way of ascribing cannot see.
    pub attribution_limits: String,
    /// What would have happened anyway, and how that is known.
    pub counterfactual: String,
}

impl Draft for Amec {
    type Artefact = Self;

    fn build(self, _: &PriorArtefacts) -> Self {
        self
    }
}

impl Artefact for Amec {
    const KIND: Kind = Kind::Amec;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
