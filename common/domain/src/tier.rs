//! Subscription tiers: limits as data (`data/tiers.toml`).

use serde::{Deserialize, Serialize};

use crate::{NanoUsd, catalog::Complexity};

/// What a business has bought.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// $10 a day.
    Basic,
    /// $50 a day.
    Pro,
    /// $200 a day.
    Enterprise,
}

impl Tier {
    /// The tier's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// What a tier allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Most that may be spent in a UTC day.
    #[serde(with = "crate::money::usd")]
    pub daily_limit: NanoUsd,
    /// Most that may be spent in a calendar month.
    #[serde(with = "crate::money::usd")]
    pub monthly_limit: NanoUsd,
    /// Most customer profiles in an analysis.
    pub max_icps: u32,
    /// The dearest class of model.
    pub highest_class: Complexity,
    /// Most analyses running at once.
    pub max_running_tasks: u32,
    /// Most analyses that wait until one of those ends.
    pub max_waiting_tasks: u32,
}

/// The terms of every tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    basic: Terms,
    pro: Terms,
    enterprise: Terms,
}

impl Tiers {
    /// The tiers this build ships.
    pub fn bundled() -> Result<Self, toml::de::Error> {
        toml::from_str(include_str!("../data/tiers.toml"))
    }

    /// What a tier allows.
    pub fn terms(&self, tier: Tier) -> &Terms {
        match tier {
            Tier::Basic => &self.basic,
            Tier::Pro => &self.pro,
            Tier::Enterprise => &self.enterprise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiers_are_as_sold() {
        let tiers = Tiers::bundled().unwrap();
        let row = |tier| {
            let terms = tiers.terms(tier);
            (
                terms.daily_limit.to_string(),
                terms.monthly_limit.to_string(),
                terms.max_icps,
                terms.highest_class,
            )
        };
        assert_eq!(row(Tier::Basic), ("10".into(), "300".into(), 3, Complexity::Balanced));
        assert_eq!(row(Tier::Pro), ("50".into(), "1500".into(), 6, Complexity::Balanced));
        assert_eq!(row(Tier::Enterprise), ("200".into(), "6000".into(), 9, Complexity::Complex));
    }
}
