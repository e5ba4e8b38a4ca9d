//! Subscription tiers: limits as data (`data/tiers.toml`).

use serde::{Deserialize, Serialize};

use crate::{NanoUsd, catalog::Complexity};

/// What a business has bought.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// With a limit of $10 a day.
    Basic,
    /// With a limit of $50 a day.
    Pro,
    /// With a limit of $200 a day.
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
    /// The most that may be spent in a UTC day.
    #[serde(with = "crate::money::usd")]
    pub daily_limit: NanoUsd,
    /// The most that may be spent in a calendar month.
    #[serde(with = "crate::money::usd")]
    pub monthly_limit: NanoUsd,
    /// The most customer profiles in an analysis.
    pub max_icps: u32,
    /// The highest class of model.
    pub highest_class: Complexity,
    /// The most analyses that run at once.
    pub max_running_tasks: u32,
    /// The most analyses in the queue.
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
    /// The tiers bundled with this build.
    pub fn bundled() -> Result<Self, toml::de::Error> {
        toml::from_str(include_str!("../data/tiers.toml"))
    }

    /// The terms of a tier.
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
