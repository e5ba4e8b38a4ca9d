//! The queue of a business's tasks: as many run as its tier allows, the others wait in the order of
//! arrival.
//!
//! The task documents say which run and which wait; `lines/{business}` only makes sure that one
//! decision is made at a time. A worker that ends a task starts the next one; if it dies before
//! that, the sweep does.

use domain::{
    BusinessId, TaskId, Time,
    budget::{Refusal, RefusalCode},
    task::{Admission, Status, TaskState},
};
use ports::{Document, Key, Query, StoreError, Version, Write};
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::documents::TaskDoc;
use ledger::{Account, Error, Result, documents::task_key, retry::Retry};

/// Tasks of a business that are not over; the tiers allow fewer.
const MOST_OPEN: usize = 400;

/// `lines/{business}`: changed with every decision about the queue.
#[derive(Serialize, Deserialize)]
struct QueueDoc {
    business: BusinessId,
    decisions: u64,
}

/// A business's queue as it was read.
pub(super) struct TaskQueue {
    key: Key,
    turn: Option<(QueueDoc, Version)>,
    running: usize,
    /// The tasks that wait, in the order of their acceptance.
    waiting: Vec<(Document, TaskDoc)>,
}

impl TaskQueue {
    /// The state in which a new task is accepted, or why it is not.
    pub(super) fn admit(&self, account: &Account, now: Time) -> Result<TaskState> {
        let (running, waiting) = (self.running, self.waiting.len());
        match Admission::behind(running, waiting, &account.terms) {
            Admission::Starts => Ok(TaskState::submitted(now)),
            Admission::Waits => Ok(TaskState::submitted(now).enqueued(now)),
            Admission::Refused => {
                let detail = format!(
                    "{running} analyses run and {waiting} wait; this tier allows no more: wait for one to end"
                );
                let refusal = Refusal::new(RefusalCode::ConcurrencyLimit, detail);
                Err(Refusal { tier: Some(account.tier), ..refusal }.into())
            }
        }
    }

    /// The write that makes a decision about this queue conflict with every other one.
    pub(super) fn decided(&self, business: &BusinessId) -> Result<Write> {
        let decisions = self.turn.as_ref().map_or(0, |(queue, _)| queue.decisions) + 1;
        let queue = QueueDoc { business: business.clone(), decisions };
        Ok(Write::put(self.key.clone(), self.turn.as_ref().map(|(_, version)| *version), &queue)?)
    }
}

impl Engine {
    /// Reads a business's queue: its document first, then the tasks, so that a decision made
    /// meanwhile is a conflict.
    pub(super) async fn queue(&self, business: &BusinessId) -> Result<TaskQueue> {
        let key = Key::new("lines", business.as_str());
        let documents = &self.ports.documents;
        let turn = match documents.get(std::slice::from_ref(&key)).await?.pop().flatten() {
            Some(document) => Some((document.read()?, document.version)),
            None => None,
        };
        let mut queue = TaskQueue { key, turn, running: 0, waiting: Vec::new() };
        for status in [Status::Queued, Status::Running] {
            let open = Query::collection("tasks")
                .equal("business", business.as_str())
                .equal("status", status.as_str());
            for document in documents.query(&open.limit(MOST_OPEN)).await? {
                let doc: TaskDoc = document.read()?;
                if doc.state.is_waiting() {
                    queue.waiting.push((document, doc));
                } else {
                    queue.running += 1;
                }
            }
        }
        queue.waiting.sort_by(|(a, first), (b, second)| {
            (first.created_at, &a.key).cmp(&(second.created_at, &b.key))
        });
        Ok(queue)
    }

    /// Starts the first tasks of the queue as long as there is room. After a failure the sweep does
    /// it.
    pub(super) async fn start_next(&self, business: &BusinessId) {
        if let Err(error) = self.try_start_next(business).await {
            tracing::warn!(%error, budget.id = %business, "the queue of {business} is left to the sweep");
        }
    }

    async fn try_start_next(&self, business: &BusinessId) -> Result<()> {
        let terms = self.ledger.terms(business).await?.terms;
        let mut retry = Retry::default();
        loop {
            let queue = self.queue(business).await?;
            let Some((document, mut doc)) = queue.waiting.first().cloned() else { return Ok(()) };
            if queue.running >= terms.max_running_tasks as usize {
                return Ok(());
            }
            let Some(state) = doc.state.dequeued(self.ports.clock.now()) else { return Ok(()) };
            (doc.state, doc.commits) = (state, doc.commits + 1);
            let task = TaskId::new(document.key.id.clone())
                .map_err(|error| Error::Internal(error.to_string()))?;
            let writes = vec![
                queue.decided(business)?,
                Write::replace(task_key(&task), document.version, &doc)?,
            ];
            match self.ports.documents.commit(writes).await {
                Ok(_) => self.wake(&task, doc.state.phase, doc.state.phase_seq).await,
                // Started by another worker, or by this very commit: then the sweep publishes its
                // wake-up.
                Err(error @ (StoreError::Conflict(_) | StoreError::Unavailable(_))) => {
                    retry.after(error).await?;
                }
                Err(error @ StoreError::Invalid { .. }) => return Err(error.into()),
            }
        }
    }
}
