//! Positioning: exactly three options, each scored in code, of which one is selected.

mod option;
mod rules;
mod score;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use option::{
    Alternative, AlternativeKind, Attribute, BestFit, Capability, Category, CategoryStrategy,
    OptionDraft, Sacrifice, SacrificeKind, Trend, ValidationTest, ValueTheme,
};
pub use score::Scores;

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// What a model writes as positioning.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PositioningDraft {
    /// Exactly 3 options that differ in at least two of best-fit segment, category and word.
    pub options: Vec<OptionDraft>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// Three options and the selected one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Positioning {
    /// The options, in the order they were written.
    pub options: Vec<PositioningOption>,
    /// The id of the selected option.
    pub selected: String,
    /// How it was selected.
    pub selected_by: SelectedBy,
    /// The lead of the best score over the second.
    pub margin: f64,
    /// Whether the lead is too small to select by score.
    pub needs_user_choice: bool,
    /// Assumptions of the options.
    pub assumptions: Vec<Assumption>,
}

/// An option with its computed score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PositioningOption {
    /// The option as written.
    #[serde(flatten)]
    pub option: OptionDraft,
    /// The score from 0 to 1.
    pub score: f64,
    /// The components of the score.
    pub scores: Scores,
}

/// How an option was selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectedBy {
    /// It has the highest score.
    Score,
    /// The client chose it.
    User,
}

/// The least lead that decides; a smaller one is within the noise of the score.
const CLEAR_MARGIN: f64 = 0.05;

impl std::ops::Deref for PositioningOption {
    type Target = OptionDraft;

    fn deref(&self) -> &OptionDraft {
        &self.option
    }
}

impl Positioning {
    /// The option that later steps build on.
    pub fn selected_option(&self) -> Option<&PositioningOption> {
        self.options.iter().find(|option| option.id == self.selected)
    }

    /// The same positioning with the option that the client chose; `None` if the option does not
    /// exist.
    pub fn choose(mut self, option_id: &str) -> Option<Self> {
        let chosen = self.options.iter().find(|option| option.id == option_id)?;
        self.selected = chosen.id.clone();
        self.selected_by = SelectedBy::User;
        self.needs_user_choice = false;
        Some(self)
    }
}

impl Draft for PositioningDraft {
    type Artefact = Positioning;

    fn build(self, prior: &PriorArtefacts) -> Positioning {
        let scored = |option: OptionDraft| {
            let scores = Scores::of(&option, prior);
            PositioningOption { score: scores.total(), option, scores }
        };
        let options: Vec<PositioningOption> = self.options.into_iter().map(scored).collect();
        let (selected, margin) = best(&options);
        Positioning {
            options,
            selected,
            selected_by: SelectedBy::Score,
            margin,
            needs_user_choice: margin < CLEAR_MARGIN,
            assumptions: self.assumptions,
        }
    }
}

impl Artefact for Positioning {
    const KIND: Kind = Kind::Positioning;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}

/// The option with the highest score, the first of equals, and its lead over the second.
fn best(options: &[PositioningOption]) -> (String, f64) {
    let mut ranked: Vec<&PositioningOption> = options.iter().collect();
    ranked.sort_by(|one, other| other.score.total_cmp(&one.score));
    match ranked.as_slice() {
        [] => (String::new(), 0.0),
        [only] => (only.id.clone(), only.score),
        [first, second, ..] => (first.id.clone(), first.score - second.score),
    }
}
