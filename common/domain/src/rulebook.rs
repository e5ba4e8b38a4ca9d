//! Everything that is data: models, tiers and task types, loaded once at start.

use crate::{
    catalog::{Catalog, InvalidCatalog},
    task_type::{InvalidTaskTypes, TaskTypes},
    tier::Tiers,
};

/// The data all rules read.
#[derive(Clone, PartialEq, Debug)]
pub struct Rulebook {
    /// Models and prices.
    pub catalog: Catalog,
    /// What subscriptions buy.
    pub tiers: Tiers,
    /// What calls are for.
    pub task_types: TaskTypes,
    /// How many days before a model's end its role moves on.
    pub lead_days: i64,
}

/// Why the data is refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum InvalidRulebook {
    /// The model catalogue.
    #[error(transparent)]
    Catalog(#[from] InvalidCatalog),
    /// The task types.
    #[error(transparent)]
    TaskTypes(#[from] InvalidTaskTypes),
    /// The tiers.
    #[error("the bundled data cannot be read: {0}")]
    Data(#[from] toml::de::Error),
}

impl Rulebook {
    /// The default of `LIFECYCLE_LEAD_DAYS`.
    pub const LEAD_DAYS: i64 = 7;

    /// The data this build ships.
    pub fn bundled() -> Result<Self, InvalidRulebook> {
        Self::new(Catalog::bundled()?, Self::LEAD_DAYS)
    }

    /// The bundled tiers and task types with another catalogue or lead.
    pub fn new(catalog: Catalog, lead_days: i64) -> Result<Self, InvalidRulebook> {
        let (tiers, task_types) = (Tiers::bundled()?, TaskTypes::bundled()?);
        Ok(Self { catalog, tiers, task_types, lead_days })
    }
}
