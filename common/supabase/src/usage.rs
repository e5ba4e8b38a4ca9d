//! Writes settled calls to the table `ai_usage`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{Time, budget::CallState};
use ports::{MirrorError, SecretSource, UsageMirror, UsageRow};
use serde::Serialize;

use crate::{
    project::address,
    rest::{Failure, RequestKind, Rest},
};

/// Timeout of a batch: no request waits for it, and hundreds of rows may take a while.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The table `ai_usage` of the project that the secrets name.
pub struct SupabaseUsage {
    secrets: Arc<dyn SecretSource>,
    rest: Rest,
}

impl SupabaseUsage {
    /// Nothing is read or connected yet.
    pub fn new(secrets: Arc<dyn SecretSource>) -> Self {
        Self { rest: Rest::new(secrets.clone()), secrets }
    }
}

impl From<Failure> for MirrorError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(reason) => Self::Refused(reason),
            Failure::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

#[async_trait]
impl UsageMirror for SupabaseUsage {
    async fn is_on(&self) -> Result<bool, MirrorError> {
        Ok(address(self.secrets.as_ref()).await?.is_some())
    }

    async fn upsert(&self, rows: &[UsageRow]) -> Result<(), MirrorError> {
        if rows.is_empty() {
            return Ok(());
        }
        let stored: Vec<Stored<'_>> = rows.iter().map(Stored::from).collect();
        let text = serde_json::to_string(&stored)
            .map_err(|error| MirrorError::Refused(error.to_string()))?;
        self.rest
            .send(&RequestKind::Upsert(&text), "ai_usage", "on_conflict=call_id", TIMEOUT)
            .await?;
        Ok(())
    }
}

/// A row by column name. Every row names every column, even absent values, because PostgREST takes
/// the columns of a batch from its first row.
#[derive(Serialize)]
struct Stored<'a> {
    call_id: &'a str,
    business_id: &'a str,
    task_id: Option<&'a str>,
    task_type: &'a str,
    state: CallState,
    model: Option<&'a str>,
    day: &'a str,
    cost_nano_usd: i64,
    input_tokens: u64,
    cached_input_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    searches: u64,
    fallback_used: bool,
    latency_ms: u64,
    price_version: &'a str,
    called_at: Time,
    revision: i64,
}

impl<'a> From<&'a UsageRow> for Stored<'a> {
    fn from(row: &'a UsageRow) -> Self {
        Self {
            call_id: row.call_id.as_str(),
            business_id: row.business.as_str(),
            task_id: row.task.as_ref().map(domain::TaskId::as_str),
            task_type: &row.task_type,
            state: row.state,
            model: row.model.as_deref(),
            day: &row.day,
            cost_nano_usd: row.cost.0,
            input_tokens: row.usage.input,
            cached_input_tokens: row.usage.cached_input,
            output_tokens: row.usage.output,
            reasoning_tokens: row.usage.reasoning,
            searches: row.usage.searches,
            fallback_used: row.fallback_used,
            latency_ms: row.latency_ms,
            price_version: &row.price_version,
            called_at: row.called_at,
            revision: row.revision,
        }
    }
}
