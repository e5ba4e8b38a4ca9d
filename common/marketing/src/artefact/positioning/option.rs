//! A positioning option as a model writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A positioning option. Unknown fields are ignored here and nowhere below: the scored option lays
/// its own fields beside these.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OptionDraft {
    /// Unique id, `opt_` and a short slug.
    pub id: String,
    /// A short name for the option.
    pub name: String,
    /// 2 to 5 things buyers would do without this business; at least one is `diy` or `do_nothing`.
    pub competitive_alternatives: Vec<Alternative>,
    /// 2 to 5 things only this business has. Each is used by a value theme.
    pub unique_attributes: Vec<Attribute>,
    /// 1 to 4 benefits that the attributes make possible.
    pub value_themes: Vec<ValueTheme>,
    /// Who gets the most from it.
    pub best_fit: BestFit,
    /// The category that makes the value obvious.
    pub category: Category,
    /// A trend that makes it matter now; required when the category is created anew, else null
    /// where none fits.
    pub trend: Option<Trend>,
    /// The one idea to own in the buyer's mind, 1 to 3 words, not owned by any competitor.
    pub word_to_own: String,
    /// For … who …, … is a … that …, unlike …, because …; at most 60 words.
    pub statement: String,
    /// At most 140 characters.
    pub one_liner: String,
    /// 2 to 5 things the business gives up for this position.
    pub sacrifices: Vec<Sacrifice>,
    /// 1 to 4 ways in which it could fail.
    pub risks: Vec<String>,
    /// How to find out cheaply whether it holds.
    pub validation_test: ValidationTest,
    /// 1 to 5 channels by which the best fit can be reached, named as in the brief where it names
    /// them.
    pub reach_channels: Vec<String>,
    /// 2 to 5 abilities the position demands.
    pub capabilities: Vec<Capability>,
}

/// Something buyers would do instead.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Id unique within the option, `alt_` and a short slug.
    pub id: String,
    /// What it is.
    pub name: String,
    /// What sort of alternative.
    pub kind: AlternativeKind,
    /// Why buyers choose it.
    pub why_chosen: String,
}

/// Sorts of alternatives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlternativeKind {
    /// Another product.
    Product,
    /// Doing it themselves.
    Diy,
    /// Paying somebody.
    Hire,
    /// Leaving things as they are.
    DoNothing,
}

/// Something only this business has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Id unique within the option, `atr_` and a short slug.
    pub id: String,
    /// What it is: a fact, not a benefit.
    pub attribute: String,
    /// At least one id of an alternative in this option (`alt_`) that lacks it.
    pub versus: Vec<String>,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`).
    pub basis: Vec<String>,
    /// How hard it is to copy.
    pub durability: crate::artefact::assumption::Level,
}

/// A benefit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueTheme {
    /// Unique id, `thm_` and a short slug.
    pub id: String,
    /// What the buyer gains.
    pub benefit: String,
    /// At least one id of an attribute in this option (`atr_`) that makes it possible.
    pub enabled_by: Vec<String>,
    /// How the gain could be measured; null if it cannot.
    pub measurable_effect: Option<String>,
}

/// Who gets the most from it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BestFit {
    /// The segment in a few words.
    pub segment: String,
    /// 3 to 6 characteristics that can be observed from outside.
    pub characteristics: Vec<String>,
    /// 1 to 4 signs that a buyer does not fit.
    pub disqualifiers: Vec<String>,
    /// What is known about its size.
    pub segment_size_note: String,
}

/// A category.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its name as buyers say it.
    pub name: String,
    /// How to enter it.
    pub strategy: CategoryStrategy,
    /// The known category it belongs to; required when the category is created anew, else null
    /// where none fits.
    pub parent: Option<String>,
}

/// Ways into a category.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CategoryStrategy {
    /// Win the whole category.
    HeadToHead,
    /// Win a part of it.
    BigFishSmallPond,
    /// Make a new one.
    CreateNew,
}

/// A trend.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// What is changing.
    pub name: String,
    /// Why it makes the position matter now.
    pub relevance: String,
    /// At least one id of a claim (`clm_`) that shows it.
    pub basis: Vec<String>,
}

/// Something given up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sacrifice {
    /// What sort of thing.
    pub kind: SacrificeKind,
    /// What the business stops or never starts.
    pub stop: String,
}

/// Sorts of sacrifices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SacrificeKind {
    /// A product.
    ProductLine,
    /// A group of buyers.
    Audience,
    /// Freedom to change.
    Consistency,
}

/// A cheap test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationTest {
    /// What is done.
    pub method: String,
    /// With how many of whom.
    pub sample: String,
    /// What result counts as passed.
    pub pass_threshold: String,
    /// How long it takes, at most 30.
    pub days: u32,
}

/// An ability the position demands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// What the business must be able to do.
    pub ability: String,
    /// Whether the brief or a claim shows that it can today.
    pub in_place: bool,
}
