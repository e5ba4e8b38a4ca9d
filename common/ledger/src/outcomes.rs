//! Outcomes of validated answers by task type and role, for the learning job.

use domain::{CallId, Time, budget::CallState, catalog::Role, learning::Verdict};
use ports::{
    Document, Precondition, Query, StoreError, Write,
    documents::{Comparison, Direction},
};
use serde::Serialize;

use super::Ledger;
use crate::{
    documents::{CallDoc, call_key},
    error::{Error, Result},
};

/// Calls read at once.
const PAGE: usize = 500;
/// Outcomes of one answer.
pub const MOST_OUTCOMES: usize = 1_000;
/// The most calls one answer looks through; a span that holds more without enough outcomes must be
/// asked for in parts.
const MOST_CALLS: usize = 50_000;

/// The outcome of one validated call.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RoutingOutcome {
    /// The call; the last one of an answer is where the next goes on.
    pub call_id: String,
    /// When it was opened.
    pub at: Time,
    /// What it was for.
    pub task_type: String,
    /// Model that answered.
    pub model: String,
    /// The role that model served then.
    pub role: Role,
    /// How its first answer fared.
    pub outcome: Verdict,
    /// Output tokens of the last attempt, reasoning included.
    pub output_tokens: u64,
    /// Of these, reasoning.
    pub reasoning_tokens: u64,
}

impl Ledger {
    /// Stores the outcome of a call's answer. A call that does not exist (a gateway of another
    /// store made it) is skipped: only the learning job uses outcomes.
    pub async fn note_verdict(&self, call_id: &str, verdict: Verdict) {
        let Ok(id) = CallId::new(call_id) else { return };
        if !matches!(self.read_one(&call_key(&id)).await, Ok(Some(_))) {
            return;
        }
        let verdict = serde_json::to_value(verdict).unwrap_or_default();
        let write = Write::merge(call_key(&id), Precondition::Exists).set("verdict", verdict);
        match self.ports.documents.commit(vec![write]).await {
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => {
                tracing::debug!(call.id = %id, %error, "the outcome of call {id} is not recorded");
            }
        }
    }

    /// The outcomes of calls with `from ≤ created_at < to`, oldest first: at most
    /// [`MOST_OUTCOMES`], those after the call `after` when it is given. Fewer than that many means
    /// there are no more.
    pub async fn outcomes(
        &self,
        from: Time,
        to: Time,
        after: Option<&CallId>,
    ) -> Result<Vec<RoutingOutcome>> {
        let mut query = Query::collection("calls")
            .filter("created_at", Comparison::GreaterOrEqual, from.to_string())
            .filter("created_at", Comparison::Less, to.to_string())
            .order("created_at", Direction::Ascending)
            .limit(PAGE);
        if let Some(id) = after {
            let last = self.read_one(&call_key(id)).await?;
            query = query.after(&last.ok_or_else(|| Error::NotFound(format!("call `{id}`")))?);
        }
        let (mut outcomes, mut read) = (Vec::new(), 0);
        loop {
            let page = self.ports.documents.query(&query).await?;
            for document in &page {
                outcomes.extend(self.outcome(document)?);
                if outcomes.len() == MOST_OUTCOMES {
                    return Ok(outcomes);
                }
            }
            read += page.len();
            match page.last() {
                Some(_) if read >= MOST_CALLS => {
                    let detail = format!(
                        "the span holds more than {MOST_CALLS} calls: ask for a shorter one"
                    );
                    return Err(Error::WrongState(detail));
                }
                Some(last) if page.len() == PAGE => query = query.after(last),
                _ => return Ok(outcomes),
            }
        }
    }

    /// `None` for a call whose answer nobody judged, or that a model outside the roles answered.
    fn outcome(&self, document: &Document) -> Result<Option<RoutingOutcome>> {
        let call: CallDoc = document.read()?;
        let (CallState::Done, Some(verdict), Some(model)) =
            (call.state, call.verdict, &call.model_used)
        else {
            return Ok(None);
        };
        let today = call.created_at.date();
        let served = self.rules.catalog.served(model);
        let Some(role) =
            served.and_then(|it| self.rules.catalog.role_of(it, today, self.rules.lead_days))
        else {
            return Ok(None);
        };
        // The gateway's own repair round, for answers that are not even JSON of the schema.
        let was_repaired = call.attempts.iter().any(|attempt| attempt.outcome == "invalid_output");
        let outcome =
            if was_repaired && verdict == Verdict::Pass { Verdict::Repair } else { verdict };
        let usage = call.attempts.last().and_then(|attempt| attempt.usage).unwrap_or_default();
        Ok(Some(RoutingOutcome {
            call_id: document.key.id.clone(),
            at: call.created_at,
            task_type: call.task_type,
            model: model.clone(),
            role,
            outcome,
            output_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
        }))
    }
}
