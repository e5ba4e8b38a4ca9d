//! Task types of calls: default class, planned usage and output bounds as data (`data/tasks.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalog::{Complexity, Effort, Role};

/// The type of a call that names none: its class follows from length and structure, never below
/// balanced.
pub const UNTYPED: &str = "other";

/// Expected share of answers that pass validation at the first try, by role.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Share of the cheapest role.
    pub nano: f64,
    /// Share of the middle role.
    pub mini: f64,
    /// Share of the strongest role.
    pub full: f64,
}

impl Quality {
    /// The expected share of a role.
    pub fn of(&self, role: Role) -> f64 {
        match role {
            Role::Nano => self.nano,
            Role::Mini => self.mini,
            Role::Full => self.full,
            Role::Embedding => 0.0,
        }
    }

    /// Whether all values are shares that never fall from a role to a more expensive one.
    fn is_sound(&self) -> bool {
        0.0 < self.nano && self.nano <= self.mini && self.mini <= self.full && self.full <= 1.0
    }
}

/// The reasoning effort of each role when the caller names none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efforts {
    /// Effort of the cheapest role.
    pub nano: Effort,
    /// Effort of the middle role.
    pub mini: Effort,
    /// Effort of the strongest role.
    pub full: Effort,
}

impl Efforts {
    /// The effort of a role; [`Effort::None`] for embeddings.
    pub fn of(&self, role: Role) -> Effort {
        match role {
            Role::Nano => self.nano,
            Role::Mini => self.mini,
            Role::Full => self.full,
            Role::Embedding => Effort::None,
        }
    }
}

/// How quality is weighed against cost when a role is chosen.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Share of the strongest role's quality that the chosen roles must keep on average over all
    /// types.
    pub target: f64,
    /// The quality that is worth the cost of the most expensive role: the role with the largest `q̂
    /// − λ · cost share` is chosen. Cost is a share, so that one λ serves cheap and expensive
    /// tasks.
    pub lambda: f64,
}

/// One task type.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskType {
    /// Its name in requests.
    pub name: String,
    /// Other names for it in requests.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Its default class of model.
    pub class: Complexity,
    /// Whether its core is computed in code and a model is called only to narrate it.
    #[serde(default)]
    pub local: bool,
    /// Planned input tokens.
    #[serde(default)]
    pub input_tokens: u64,
    /// Planned output tokens.
    #[serde(default)]
    pub output_tokens: u64,
    /// Upper bound on output tokens sent to the provider; 0 for types without a model call.
    #[serde(default)]
    pub max_output_tokens: u64,
    /// Expected quality by role.
    pub quality: Quality,
    /// The worth of a right answer in USD, if known: cost is then weighed against it instead of by
    /// [`Choice::lambda`].
    #[serde(default)]
    pub worth_usd: Option<f64>,
    /// The reasoning effort of each role.
    pub effort: Efforts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    choice: Choice,
    reasoning: BTreeMap<Effort, u64>,
    task_type: Vec<TaskType>,
}

/// All task types.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskTypes {
    rows: BTreeMap<String, TaskType>,
    reasoning: BTreeMap<Effort, u64>,
    choice: Choice,
}

/// Why a table of task types is refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum InvalidTaskTypes {
    /// It is not TOML of the expected shape.
    #[error("the task types cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A row contradicts itself or other rows.
    #[error("task types, `{row}`: {reason}")]
    Row {
        /// Name of the type.
        row: String,
        /// Why the task type is invalid.
        reason: &'static str,
    },
}

/// The error for a name that no task type has.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("unknown task type `{name}`; known types: {known}; use `{UNTYPED}` for anything else")]
pub struct UnknownTaskType {
    /// The name that was given.
    pub name: String,
    /// All known names, for the message.
    pub known: String,
}

impl TaskTypes {
    /// The text of the table bundled with this build.
    pub const BUNDLED: &'static str = include_str!("../data/tasks.toml");

    /// The task types bundled with this build, [`UNTYPED`] included.
    pub fn bundled() -> Result<Self, InvalidTaskTypes> {
        Self::parse(Self::BUNDLED)
    }

    /// Parses and checks a table in TOML.
    pub fn parse(text: &str) -> Result<Self, InvalidTaskTypes> {
        let file: File = toml::from_str(text)?;
        let mut types =
            Self { rows: BTreeMap::new(), reasoning: file.reasoning, choice: file.choice };
        types.extend(file.task_type)?;
        if types.rows.contains_key(UNTYPED) {
            return Ok(types);
        }
        Err(InvalidTaskTypes::Row {
            row: UNTYPED.into(),
            reason: "the type of calls without a type is missing",
        })
    }

    /// Adds types; a name may occur only once.
    pub fn extend(
        &mut self,
        rows: impl IntoIterator<Item = TaskType>,
    ) -> Result<(), InvalidTaskTypes> {
        for row in rows {
            let invalid = |reason| Err(InvalidTaskTypes::Row { row: row.name.clone(), reason });
            if !row.quality.is_sound() {
                return invalid(
                    "`quality` must hold shares that do not fall from nano to mini to full",
                );
            }
            if row.worth_usd.is_some_and(|worth| !(worth.is_finite() && worth > 0.0)) {
                return invalid(
                    "`worth_usd` must be above 0; without it cost is weighed as a share",
                );
            }
            if self.rows.contains_key(&row.name) {
                return invalid("is listed twice");
            }
            self.rows.insert(row.name.clone(), row);
        }
        Ok(())
    }

    /// How quality is weighed against cost.
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// Planned reasoning tokens at an effort.
    pub fn reasoning(&self, effort: Effort) -> u64 {
        self.reasoning.get(&effort).copied().unwrap_or(0)
    }

    /// Upper bound on output tokens of a call that answers with edits to an answer of this type:
    /// half the answer's own bound, but at least twice the reasoning that any role is planned to
    /// use.
    pub fn edits_bound(&self, task_type: &TaskType) -> u64 {
        let thought =
            Role::CHAT.map(|role| self.reasoning(task_type.effort.of(role))).into_iter().max();
        let least = 2 * thought.unwrap_or_default();
        (task_type.max_output_tokens / 2).max(least).min(task_type.max_output_tokens)
    }

    /// The type with this name or alias.
    pub fn get(&self, name: &str) -> Result<&TaskType, UnknownTaskType> {
        let by_alias =
            || self.rows.values().find(|row| row.aliases.iter().any(|alias| alias == name));
        self.rows.get(name).or_else(by_alias).ok_or_else(|| UnknownTaskType {
            name: name.chars().take(80).collect(),
            known: self.rows.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Every type, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &TaskType> {
        self.rows.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_one_types_and_their_aliases_are_known() {
        let types = TaskTypes::bundled().unwrap();
        assert_eq!(types.iter().count(), 32);
        assert_eq!(types.get("positioning_analysis").unwrap().name, "positioning_strategy");
        assert_eq!(types.get("strategy_analysis").unwrap().name, "multi_step_reasoning");
        assert_eq!(types.get("poetry").unwrap_err().name, "poetry");
    }

    /// Changes one place in the bundled table and expects an error with its row and reason.
    fn check_refused(from: &str, to: &str, expect: &str) {
        assert!(TaskTypes::BUNDLED.contains(from), "{from}");
        let error =
            TaskTypes::parse(&TaskTypes::BUNDLED.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expect), "{from} -> {to}: {error}");
    }

    #[test]
    fn an_invalid_table_is_refused_with_its_row() {
        check_refused(
            "nano = 0.97, mini = 0.98",
            "nano = 0.99, mini = 0.98",
            "`input_validation`: `quality`",
        );
        check_refused("full = 0.985 }", "full = 1.1 }", "`input_validation`: `quality`");
        check_refused(
            "max_output_tokens = 1000\n",
            "worth_usd = 0.0\n",
            "`input_validation`: `worth_usd`",
        );
        check_refused(
            "max_output_tokens = 1000\n",
            "worth_usd = inf\n",
            "`input_validation`: `worth_usd`",
        );
        check_refused("name = \"icp_generation\"", "name = \"sostac_analysis\"", "listed twice");
        check_refused("name = \"other\"", "name = \"another\"", "`other`");
        check_refused("mini = \"low\"", "mini = \"lowish\"", "cannot be read");
    }

    #[test]
    fn every_type_that_calls_a_model_bounds_its_output() {
        for row in TaskTypes::bundled().unwrap().iter() {
            assert!(row.max_output_tokens >= row.output_tokens, "{}", row.name);
            assert!(row.max_output_tokens > 0 || row.local, "{}", row.name);
        }
    }

    #[test]
    fn thinking_leaves_room_for_the_planned_answer() {
        let types = TaskTypes::bundled().unwrap();
        for row in types.iter().filter(|row| row.max_output_tokens > 0) {
            for role in Role::CHAT {
                let planned = row.output_tokens + types.reasoning(row.effort.of(role));
                assert!(planned <= row.max_output_tokens, "{} on {}", row.name, role.as_str());
            }
        }
    }

    #[test]
    fn edits_are_bounded_by_half_an_answer() {
        let types = TaskTypes::bundled().unwrap();
        let bound = |row: &TaskType| types.edits_bound(row);
        assert_eq!(bound(types.get("icp_generation").unwrap()), 8_000);
        let narrow =
            TaskType { max_output_tokens: 3_000, ..types.get("sostac_analysis").unwrap().clone() };
        assert_eq!(bound(&narrow), 2_400, "half would be less than hard thought may take");
        assert_eq!(bound(&TaskType { max_output_tokens: 2_000, ..narrow }), 2_000);
    }
}
