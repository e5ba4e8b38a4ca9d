//! The timeline of one task: its lease holders, steps, calls with attempts and cost, and events, in
//! order.

use domain::{NanoUsd, TaskId, Time, event::Event};
use ports::Query;
use serde_json::{Value, json};

use super::Engine;
use crate::documents::{Holding, StepDoc, events_collection, steps_collection};
use ledger::{Result, documents::CallDoc};

/// Documents read in one page.
const PAGE: usize = 200;

/// One entry of the timeline.
#[derive(Clone, PartialEq, Debug)]
pub struct TraceEntry {
    /// The time of the entry.
    pub at: Time,
    /// `event`, `holder`, `step` or `call`.
    pub kind: &'static str,
    /// The name of the event, holder, step or call.
    pub name: String,
    /// The cost of the step or call.
    pub cost: NanoUsd,
    /// Details as JSON.
    pub detail: Value,
}

impl Engine {
    /// The timeline of a task.
    pub async fn trace(&self, task: &TaskId) -> Result<Vec<TraceEntry>> {
        let mut entries: Vec<TraceEntry> =
            self.read_task(task).await?.0.holdings.iter().map(holder).collect();
        for document in self.all(Query::collection(events_collection(task))).await? {
            let event: Event = document.read()?;
            let name = serde_json::to_value(event.event)
                .unwrap_or_default()
                .as_str()
                .unwrap_or_default()
                .to_owned();
            entries.push(TraceEntry {
                at: event.timestamp,
                kind: "event",
                name,
                cost: NanoUsd::ZERO,
                detail: json!({ "seq": event.seq, "data": event.data }),
            });
        }
        for document in self.all(Query::collection(steps_collection(task))).await? {
            let step: StepDoc = document.read()?;
            entries.push(TraceEntry {
                at: step.started_at,
                kind: "step",
                name: format!("{} {}", step.step, step.index),
                cost: NanoUsd::ZERO,
                detail: json!({ "state": step.state, "generation": step.generation, "phase_seq": step.phase_seq,
                    "model_used": step.model_used, "prompt_version": step.prompt_version,
                    "finished_at": step.finished_at }),
            });
        }
        for document in self.all(Query::collection("calls").equal("task", task.as_str())).await? {
            let call: CallDoc = document.read()?;
            entries.push(TraceEntry {
                at: call.created_at,
                kind: "call",
                name: call.task_type,
                cost: call.charged,
                detail: json!({ "call_id": document.key.id, "state": call.state, "attempts": call.attempts,
                    "model_used": call.model_used, "latency_ms": call.latency_ms, "paid_tries": call.paid_tries }),
            });
        }
        entries.sort_by(|a, b| (a.at, a.kind).cmp(&(b.at, b.kind)));
        Ok(entries)
    }

    async fn all(&self, query: Query) -> Result<Vec<ports::Document>> {
        let mut query = query.limit(PAGE);
        let mut found = Vec::new();
        loop {
            let page = self.ports.documents.query(&query).await?;
            let more = page.len() == PAGE;
            found.extend(page);
            match found.last() {
                Some(last) if more => query = query.after(last),
                _ => return Ok(found),
            }
        }
    }
}

fn holder(holding: &Holding) -> TraceEntry {
    TraceEntry {
        at: holding.since,
        kind: "holder",
        name: holding.phase.as_str().into(),
        cost: NanoUsd::ZERO,
        detail: json!({ "owner": holding.owner, "fence": holding.fence, "attempt": holding.attempt,
            "until": holding.until, "became": holding.became, "reason": holding.reason }),
    }
}
