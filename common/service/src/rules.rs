//! The rules a process starts with: the bundled data, or what the configuration puts in its place.

use std::{fs, sync::Arc};

use domain::{catalog::Catalog, rulebook::Rulebook};

use crate::{Env, StartError};

/// Prices, tiers and task types, with `CATALOG_FILE` and `LIFECYCLE_LEAD_DAYS`.
pub fn rulebook(env: &Env) -> Result<Arc<Rulebook>, StartError> {
    let lead_days = env.parsed("LIFECYCLE_LEAD_DAYS", Rulebook::LEAD_DAYS, "a whole number of days")?;
    Rulebook::new(catalog(env)?, lead_days).map(Arc::new).map_err(StartError::other)
}

fn catalog(env: &Env) -> Result<Catalog, StartError> {
    let Some(path) = env.optional("CATALOG_FILE") else { return Catalog::bundled().map_err(StartError::other) };
    let text = fs::read_to_string(path).map_err(|error| StartError::other(format!("CATALOG_FILE: {path}: {error}")))?;
    Catalog::parse(&text).map_err(|error| StartError::other(format!("CATALOG_FILE: {path}: {error}")))
}
