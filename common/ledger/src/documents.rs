//! What is stored, as versioned types of their own, and under which keys.
//!
//! A renamed domain field must never break a stored task: these types keep the stored names, and
//! new fields default.

use domain::{
    BusinessId, CallId, NanoUsd, TaskId, Time,
    budget::{CallState, Counter, Grant, Period},
    learning::Verdict,
    task::Status,
    usage::Usage,
};
use ports::{Key, SubscriptionStatus};
use serde::{Deserialize, Serialize};

pub use crate::payload::Payload;

/// How long finished calls, tasks and events are kept.
pub const RETENTION_SECONDS: i64 = 90 * 24 * 3600;

/// `subscriptions/{business}`.
pub fn subscription_key(business: &BusinessId) -> Key {
    Key::new("subscriptions", business.as_str())
}

/// `spend/{business}_{yyyy-mm-dd}` or `spend/{business}_{yyyy-mm}`.
pub fn spend_key(business: &BusinessId, period: &str) -> Key {
    Key::new("spend", format!("{business}_{period}"))
}

/// `calls/{id}`.
pub fn call_key(call: &CallId) -> Key {
    Key::new("calls", call.as_str())
}

/// `grants/{task}`.
pub fn grant_key(task: &TaskId) -> Key {
    Key::new("grants", task.as_str())
}

/// `tasks/{task}`.
pub fn task_key(task: &TaskId) -> Key {
    Key::new("tasks", task.as_str())
}

/// `controls/global` or `controls/business_{business}`: no name of a business collides with the
/// global key.
pub fn control_key(business: Option<&BusinessId>) -> Key {
    Key::new(
        "controls",
        business.map_or_else(|| "global".into(), |business| format!("business_{business}")),
    )
}

/// A business's subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SubscriptionDoc {
    /// The tier that the business bought.
    pub tier: domain::tier::Tier,
    /// The status of the subscription.
    pub status: SubscriptionStatus,
}

/// A period's budget of one business.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SpendDoc {
    /// The business whose budget it is.
    pub business: BusinessId,
    /// `yyyy-mm-dd` or `yyyy-mm`.
    pub period: String,
    /// Limit, spent, reserved, warned.
    #[serde(flatten)]
    pub counter: Counter,
}

impl SpendDoc {
    /// A period's budget before anything is spent.
    pub fn new(business: &BusinessId, period: &str, limit: NanoUsd) -> Self {
        Self { business: business.clone(), period: period.into(), counter: Counter::new(limit) }
    }
}

/// One attempt of a call at a provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AttemptDoc {
    /// The model that was requested.
    pub model: String,
    /// `ok`, or the failure's code.
    pub outcome: String,
    /// What it consumed, if the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What was charged for it.
    pub cost: NanoUsd,
    /// Whether the charge is the bound because the billing is unknown.
    #[serde(default)]
    pub unknown: bool,
    /// How long it took.
    pub latency_ms: u64,
}

/// A call that goes on at its provider while nobody is connected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Background {
    /// The provider, by its name in the catalogue.
    pub provider: String,
    /// The model that was requested.
    pub model: String,
    /// The provider's id of the call.
    pub id: String,
    /// Upper bound of what it costs.
    pub bound: NanoUsd,
    /// The same owner's attempts before it, which are paid as well.
    #[serde(default)]
    pub earlier: Vec<AttemptDoc>,
}

/// A paid model call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallDoc {
    /// The business that pays.
    pub business: BusinessId,
    /// Nonce of the request that owns it.
    pub holder: String,
    /// The task it belongs to; its grant pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// What it is for.
    pub task_type: String,
    /// The state of the call.
    pub state: CallState,
    /// Money held.
    pub hold: NanoUsd,
    /// Money charged, bounds of unknown attempts included.
    pub charged: NanoUsd,
    /// Periods whose counters hold it.
    #[serde(flatten)]
    pub period: Period,
    /// How often it may have been paid.
    pub paid_tries: u32,
    /// Every attempt at a provider.
    #[serde(default)]
    pub attempts: Vec<AttemptDoc>,
    /// Hash of the request without routing, deadline and stream.
    pub request_hash: String,
    /// Model that served it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_used: Option<String>,
    /// The answer as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Payload>,
    /// The provider's id of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_response_id: Option<String>,
    /// The background call at the provider; absent once the call is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
    /// Which price list priced it.
    pub price_version: String,
    /// Whether it cost more than its hold.
    #[serde(default)]
    pub overrun: bool,
    /// Whether another model than the first answered.
    #[serde(default)]
    pub fallback_used: bool,
    /// From request to answer.
    #[serde(default)]
    pub latency_ms: u64,
    /// What a step's rules found in its answer, if they checked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When it was opened.
    pub created_at: Time,
    /// Nothing is sent to a provider after this instant.
    pub call_until: Time,
    /// What the sweep charged because nobody settled it; corrected when the owner still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<NanoUsd>,
    /// When the sweep ends it, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep_at: Option<Time>,
    /// Since when its present state is owed to the usage mirror; set whenever its money is booked,
    /// absent once sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror_at: Option<Time>,
    /// When it may be deleted.
    pub expire_at: Time,
}

/// A task's money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GrantDoc {
    /// The business that pays.
    pub business: BusinessId,
    /// Slices, holds, spending.
    #[serde(flatten)]
    pub grant: Grant,
    /// Most the task may cost, if its client said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<NanoUsd>,
    /// When its spending was last booked.
    pub flushed_at: Time,
    /// When the sweep looks at it; absent when closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep_at: Option<Time>,
    /// When it may be deleted.
    pub expire_at: Time,
}

/// An emergency stop.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ControlDoc {
    /// Whether new work is refused.
    pub stopped: bool,
    /// The reason for the switch.
    pub reason: String,
    /// When the switch was last changed.
    pub at: Time,
}

/// A notice owed to outside consumers, delivered at least once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NoticeDoc {
    /// `budget_warning`.
    pub kind: String,
    /// The business that the notice concerns.
    pub business: BusinessId,
    /// `yyyy-mm-dd` or `yyyy-mm`.
    pub period: String,
    /// The threshold that was crossed.
    pub level: domain::budget::WarningLevel,
    /// When it was written.
    pub created_at: Time,
    /// When the sweep delivers it; absent once delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep_at: Option<Time>,
    /// When it may be deleted.
    pub expire_at: Time,
}

/// What the ledger reads of `tasks/{task}`: whether the owner of a grant has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GrantOwner {
    /// The task's status.
    pub status: Status,
}
