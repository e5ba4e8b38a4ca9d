//! The data that the rules read: models, tiers and task types, loaded once at start.

use crate::{
    catalog::{Catalog, InvalidCatalog},
    task_type::{InvalidTaskTypes, TaskTypes},
    tier::Tiers,
};

/// All data that the rules read.
#[derive(Clone, PartialEq, Debug)]
pub struct Rulebook {
    /// Models and prices.
    pub catalog: Catalog,
    /// The terms of each subscription tier.
    pub tiers: Tiers,
    /// The task types of calls.
    pub task_types: TaskTypes,
    /// How many days before a model's end its role switches to the successor.
    pub lead_days: i64,
}

/// Why the data is refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum InvalidRulebook {
    /// The model catalogue is invalid.
    #[error(transparent)]
    Catalog(#[from] InvalidCatalog),
    /// The table of task types is invalid.
    #[error(transparent)]
    TaskTypes(#[from] InvalidTaskTypes),
    /// The table of tiers is invalid.
    #[error("the bundled data cannot be read: {0}")]
    Data(#[from] toml::de::Error),
}

impl Rulebook {
    /// The default of `LIFECYCLE_LEAD_DAYS`.
    pub const LEAD_DAYS: i64 = 7;

    /// The data bundled with this build.
    pub fn bundled() -> Result<Self, InvalidRulebook> {
        Self::new(Catalog::bundled()?, Self::LEAD_DAYS)
    }

    /// The bundled tiers and task types with another catalogue and lead.
    pub fn new(catalog: Catalog, lead_days: i64) -> Result<Self, InvalidRulebook> {
        let (tiers, task_types) = (Tiers::bundled()?, TaskTypes::bundled()?);
        Ok(Self { catalog, tiers, task_types, lead_days })
    }
}
