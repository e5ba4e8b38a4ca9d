//! What calls are for: default class, planning figures and output bounds as data (`data/tasks.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalog::{Complexity, Role};

/// The type of a call that has none: classed by its length and structure, never below balanced.
pub const UNTYPED: &str = "other";

/// Expected share of answers that pass validation at first try, by role.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Of the cheapest role.
    pub nano: f64,
    /// Of the middle role.
    pub mini: f64,
    /// Of the strongest role.
    pub full: f64,
}

impl Quality {
    /// The expectation for a role.
    pub fn of(&self, role: Role) -> f64 {
        match role {
            Role::Nano => self.nano,
            Role::Mini => self.mini,
            Role::Full => self.full,
            Role::Embedding => 0.0,
        }
    }
}

/// One type of task.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskType {
    /// Name in requests.
    pub name: String,
    /// Other names it answers to.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Default class of model.
    pub class: Complexity,
    /// Whether its core is computed in code, a model only narrating.
    #[serde(default)]
    pub local: bool,
    /// Planned input tokens.
    #[serde(default)]
    pub input_tokens: u64,
    /// Planned output tokens.
    #[serde(default)]
    pub output_tokens: u64,
    /// Hard bound on output tokens sent to the provider; 0 for types without a model call.
    #[serde(default)]
    pub max_output_tokens: u64,
    /// Expected quality by role.
    pub quality: Quality,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    task_type: Vec<TaskType>,
}

/// All task types.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskTypes(BTreeMap<String, TaskType>);

/// A name no task type has.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("unknown task type `{name}`; known types: {known}; use `{UNTYPED}` for anything else")]
pub struct UnknownTaskType {
    /// The name that was given.
    pub name: String,
    /// Every known name.
    pub known: String,
}

impl TaskTypes {
    /// The task types this build ships, and the untyped one.
    pub fn bundled() -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(include_str!("../data/tasks.toml"))?;
        let mut types: BTreeMap<_, _> = file.task_type.into_iter().map(|row| (row.name.clone(), row)).collect();
        let untyped = TaskType {
            name: UNTYPED.into(),
            aliases: Vec::new(),
            class: Complexity::Balanced,
            local: false,
            input_tokens: 2_000,
            output_tokens: 1_500,
            max_output_tokens: 8_000,
            quality: Quality { nano: 0.78, mini: 0.93, full: 0.97 },
        };
        types.insert(UNTYPED.into(), untyped);
        Ok(Self(types))
    }

    /// The type of a name or alias.
    pub fn get(&self, name: &str) -> Result<&TaskType, UnknownTaskType> {
        let by_alias = || self.0.values().find(|row| row.aliases.iter().any(|alias| alias == name));
        self.0.get(name).or_else(by_alias).ok_or_else(|| UnknownTaskType {
            name: name.chars().take(80).collect(),
            known: self.0.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Every type, by name.
    pub fn iter(&self) -> impl Iterator<Item = &TaskType> {
        self.0.values()
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

    #[test]
    fn every_type_that_calls_a_model_bounds_its_output() {
        for row in TaskTypes::bundled().unwrap().iter() {
            assert!(row.max_output_tokens >= row.output_tokens, "{}", row.name);
            assert!(row.max_output_tokens > 0 || row.local, "{}", row.name);
        }
    }
}
