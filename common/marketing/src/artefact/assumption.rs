//! Assumptions that an artefact states openly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something taken for granted because no evidence shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assumption {
    /// Unique id within this document, `asm_` and a short slug. Cite it in `basis` where no claim
    /// supports a statement.
    pub id: String,
    /// The assumption as one sentence.
    pub text: String,
    /// How much of the advice falls if it is wrong.
    pub impact: Level,
    /// How the business can find out whether it holds, in one sentence.
    pub how_to_verify: String,
}

/// A coarse grade, where a finer one would be invented.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Little.
    Low,
    /// Some.
    Med,
    /// Much.
    High,
}
