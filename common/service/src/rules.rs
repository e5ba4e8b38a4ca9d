//! The rules that a process starts with: the bundled data, or the files that the configuration
//! names.

use std::{fs, sync::Arc};

use domain::{catalog::Catalog, rulebook::Rulebook};
use ports::Clock as _;

use crate::{Env, StartError, WallClock};

/// Prices, tiers and task types, with `CATALOG_FILE` and `LIFECYCLE_LEAD_DAYS`.
pub fn rulebook(env: &Env) -> Result<Arc<Rulebook>, StartError> {
    let lead_days =
        env.parsed("LIFECYCLE_LEAD_DAYS", Rulebook::LEAD_DAYS, "a whole number of days")?;
    let rules = Rulebook::new(catalog(env)?, lead_days).map_err(StartError::other)?;
    warn_of_ends(&rules);
    Ok(Arc::new(rules))
}

/// Logs at start which models in use end within thirty days: the roles then switch to the
/// successors by themselves, and prices with them.
fn warn_of_ends(rules: &Rulebook) {
    for (model, days) in rules.catalog.ending(WallClock.now().date()) {
        let next = model
            .lifecycle
            .as_ref()
            .and_then(|it| it.replacement.as_deref())
            .unwrap_or("its role's fallback");
        tracing::warn!(
            gen_ai.request.model = model.id,
            days,
            "{} ends in {days} days; {next} takes over {} days before",
            model.id,
            rules.lead_days
        );
    }
}

fn catalog(env: &Env) -> Result<Catalog, StartError> {
    let Some(path) = env.optional("CATALOG_FILE") else {
        return Catalog::bundled().map_err(StartError::other);
    };
    let text = fs::read_to_string(path)
        .map_err(|error| StartError::other(format!("CATALOG_FILE: {path}: {error}")))?;
    Catalog::parse(&text)
        .map_err(|error| StartError::other(format!("CATALOG_FILE: {path}: {error}")))
}
