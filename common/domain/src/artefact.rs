//! The kinds of artefacts and their names in paths, indexes and prompts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A kind of artefact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Claims with verified quotes.
    #[serde(rename = "evidence")]
    Evidence,
    /// Market, customers, strengths, weaknesses, opportunities and threats.
    #[serde(rename = "situation_analysis")]
    SituationAnalysis,
    /// The position of each competitor in the buyer's mind.
    #[serde(rename = "competitor_ladder")]
    CompetitorLadder,
    /// Situation, objectives, strategy, tactics, action, control.
    #[serde(rename = "sostac")]
    Sostac,
    /// Three positioning options with scores.
    #[serde(rename = "positioning")]
    Positioning,
    /// Ideal customer profiles, ranked.
    #[serde(rename = "icps")]
    Icps,
    /// The north-star metric and its drivers.
    #[serde(rename = "north_star")]
    NorthStar,
    /// Product, price, place, promotion, people, process, physical evidence.
    #[serde(rename = "marketing_7ps")]
    Marketing7ps,
    /// Twelve weeks of content.
    #[serde(rename = "content_calendar")]
    ContentCalendar,
    /// A creative brief for each hero item.
    #[serde(rename = "asset_briefs")]
    AssetBriefs,
    /// How effects will be measured, from activities to impact (AMEC).
    #[serde(rename = "amec")]
    Amec,
    /// Customer lifetime value.
    #[serde(rename = "clv")]
    Clv,
    /// What the run decided, spent and left open.
    #[serde(rename = "run_report")]
    RunReport,
}

/// The error for a text that names no kind of artefact.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an artefact kind")]
pub struct UnknownKind(String);

impl Kind {
    /// Every kind, in the order in which a run produces them.
    pub const ALL: [Self; 13] = [
        Self::Evidence,
        Self::SituationAnalysis,
        Self::CompetitorLadder,
        Self::Sostac,
        Self::Positioning,
        Self::Icps,
        Self::NorthStar,
        Self::Marketing7ps,
        Self::ContentCalendar,
        Self::AssetBriefs,
        Self::Amec,
        Self::Clv,
        Self::RunReport,
    ];

    /// The name in JSON and in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::SituationAnalysis => "situation_analysis",
            Self::CompetitorLadder => "competitor_ladder",
            Self::Sostac => "sostac",
            Self::Positioning => "positioning",
            Self::Icps => "icps",
            Self::NorthStar => "north_star",
            Self::Marketing7ps => "marketing_7ps",
            Self::ContentCalendar => "content_calendar",
            Self::AssetBriefs => "asset_briefs",
            Self::Amec => "amec",
            Self::Clv => "clv",
            Self::RunReport => "run_report",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_same_name_everywhere() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("sostac_plan".parse::<Kind>(), Err(UnknownKind("sostac_plan".into())));
    }
}
