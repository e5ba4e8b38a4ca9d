//! Task families of public benchmarks as additional task types; requests to the product cannot name
//! them.

use domain::{catalog::Catalog, rulebook::Rulebook};

use crate::{Result, table};

const FAMILIES: &str = include_str!("../data/families.toml");

/// The product's rules, with the families added to its task types.
pub(crate) fn rulebook() -> Result<Rulebook> {
    let mut rules = Rulebook::new(Catalog::bundled()?, Rulebook::LEAD_DAYS)?;
    rules.task_types.extend(table::rows(FAMILIES)?)?;
    Ok(rules)
}
