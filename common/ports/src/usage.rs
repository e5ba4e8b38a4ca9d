//! A copy of what was spent, for reporting outside the ledger.

use async_trait::async_trait;
use domain::{BusinessId, CallId, NanoUsd, TaskId, Time, budget::CallState, usage::Usage};

/// One settled call, as a mirror keeps it: one row a call, replaced when the call is corrected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRow {
    /// The id of the call.
    pub call_id: CallId,
    /// The business that paid.
    pub business: BusinessId,
    /// The task it belongs to.
    pub task: Option<TaskId>,
    /// What it was for.
    pub task_type: String,
    /// How it ended; never reserved.
    pub state: CallState,
    /// The model that served it; `None` when none did.
    pub model: Option<String>,
    /// The UTC day whose budget carries it, `yyyy-mm-dd`.
    pub day: String,
    /// What was charged.
    pub cost: NanoUsd,
    /// What its attempts consumed, as far as the providers said so.
    pub usage: Usage,
    /// Whether another than the first model answered.
    pub fallback_used: bool,
    /// From request to answer.
    pub latency_ms: u64,
    /// Which price list priced it.
    pub price_version: String,
    /// When it was opened.
    pub called_at: Time,
    /// Grows with every change of the call: of two rows of one call the greater is the later.
    pub revision: i64,
}

/// Why a mirror did not take rows.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum MirrorError {
    /// At least one of these rows can never be stored as it is.
    #[error("the usage mirror refused rows: {0}")]
    Refused(String),
    /// The mirror cannot be reached or does not work; the same rows are welcome later.
    #[error("the usage mirror is unavailable: {0}")]
    Unavailable(String),
}

/// Keeps a copy of settled calls.
#[async_trait]
pub trait UsageMirror: Send + Sync {
    /// Whether this deployment has a mirror at all; asked before anything is read for it.
    async fn is_on(&self) -> Result<bool, MirrorError>;

    /// Stores rows, each of another call. A row that is there already is replaced unless its
    /// revision is greater, so that repeating a batch, or sending batches in any order, ends in the
    /// same table.
    async fn upsert(&self, rows: &[UsageRow]) -> Result<(), MirrorError>;
}
