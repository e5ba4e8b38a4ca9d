//! Why new work is refused, with the figures that a client needs to react.

use serde::{Deserialize, Serialize};

use crate::{NanoUsd, Time, catalog::Complexity, money::usd, tier::Tier};

/// Stable codes of refusals, part of the HTTP contract.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The day's remaining budget is too small.
    DailyBudgetExceeded,
    /// The month's remaining budget is too small.
    MonthlyBudgetExceeded,
    /// The task's own limit `max_cost_usd` is too small.
    TaskBudgetExceeded,
    /// The tier does not include this class of model.
    ModelTierRestricted,
    /// The tier does not include this much of a feature.
    FeatureLimitExceeded,
    /// The subscription is suspended.
    SubscriptionInactive,
    /// The business has no subscription.
    SubscriptionNotFound,
    /// No model accepts an input of this size.
    InputTooLarge,
    /// Too many analyses run at once.
    ConcurrencyLimit,
    /// An emergency stop is on.
    EmergencyShutdown,
}

impl RefusalCode {
    /// The code's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DailyBudgetExceeded => "daily_budget_exceeded",
            Self::MonthlyBudgetExceeded => "monthly_budget_exceeded",
            Self::TaskBudgetExceeded => "task_budget_exceeded",
            Self::ModelTierRestricted => "model_tier_restricted",
            Self::FeatureLimitExceeded => "feature_limit_exceeded",
            Self::SubscriptionInactive => "subscription_inactive",
            Self::SubscriptionNotFound => "subscription_not_found",
            Self::InputTooLarge => "input_too_large",
            Self::ConcurrencyLimit => "concurrency_limit",
            Self::EmergencyShutdown => "emergency_shutdown",
        }
    }

    /// The HTTP status of the response.
    pub fn status(self) -> u16 {
        match self {
            Self::DailyBudgetExceeded
            | Self::MonthlyBudgetExceeded
            | Self::TaskBudgetExceeded
            | Self::ModelTierRestricted
            | Self::FeatureLimitExceeded
            | Self::SubscriptionInactive => 402,
            Self::SubscriptionNotFound => 404,
            Self::InputTooLarge => 413,
            Self::ConcurrencyLimit => 429,
            Self::EmergencyShutdown => 503,
        }
    }

    /// Whether cheaper work might have been admitted.
    pub fn is_for_money(self) -> bool {
        self.is_budget() || self == Self::TaskBudgetExceeded
    }

    /// Whether the refusal ends with the budget period.
    pub fn is_budget(self) -> bool {
        matches!(self, Self::DailyBudgetExceeded | Self::MonthlyBudgetExceeded)
    }
}

/// A refusal of new work. Figures are present where they apply; money in USD.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The stable code.
    pub code: RefusalCode,
    /// What was refused and what would help.
    pub detail: String,
    /// The business's tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The limit that was reached.
    #[serde(default, with = "usd::option", skip_serializing_if = "Option::is_none")]
    pub limit: Option<NanoUsd>,
    /// Amount spent in the period.
    #[serde(default, with = "usd::option", skip_serializing_if = "Option::is_none")]
    pub spent: Option<NanoUsd>,
    /// Amount reserved in the period.
    #[serde(default, with = "usd::option", skip_serializing_if = "Option::is_none")]
    pub reserved: Option<NanoUsd>,
    /// Amount that the work would have held.
    #[serde(default, with = "usd::option", skip_serializing_if = "Option::is_none")]
    pub estimated: Option<NanoUsd>,
    /// The largest amount that would have fitted.
    #[serde(default, with = "usd::option", skip_serializing_if = "Option::is_none")]
    pub remaining: Option<NanoUsd>,
    /// When the period ends and the budget resets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Time>,
    /// The class of model that the work needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Complexity>,
    /// The highest class that the tier allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Complexity>,
    /// The model that would serve the work under the tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested_model: Option<String>,
}

impl Refusal {
    /// A refusal without figures.
    pub fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            tier: None,
            limit: None,
            spent: None,
            reserved: None,
            estimated: None,
            remaining: None,
            resets_at: None,
            required: None,
            allowed: None,
            suggested_model: None,
        }
    }
}
