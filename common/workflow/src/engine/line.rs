//! Who of a business's tasks may run: as many as its tier allows. The others wait in line, first
//! come, first served.
//!
//! The tasks themselves say who runs and who waits; `lines/{business}` only sees to it that one
//! decision is made at a time. Whoever ends a task lets the next one start; should it die before
//! that, the sweep looks at the line.

use domain::{
    BusinessId, TaskId, Time,
    budget::{Refusal, RefusalCode},
    task::{Place, Status, TaskState},
};
use ports::{Document, Key, Query, StoreError, Version, Write};
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::documents::TaskDoc;
use ledger::{Account, Error, Result, documents::task_key, retry::Retry};

/// Tasks of a business that are not over; the tiers allow fewer.
const MOST_OPEN: usize = 400;

/// `lines/{business}`: changed with every decision about its line.
#[derive(Serialize, Deserialize)]
struct LineDoc {
    business: BusinessId,
    decisions: u64,
}

/// A business's line as it was read.
pub(super) struct Line {
    key: Key,
    turn: Option<(LineDoc, Version)>,
    running: usize,
    /// Who waits, the first first.
    waiting: Vec<(Document, TaskDoc)>,
}

impl Line {
    /// The state in which a new task is accepted, or why it is not.
    pub(super) fn place(&self, account: &Account, now: Time) -> Result<TaskState> {
        let (running, waiting) = (self.running, self.waiting.len());
        match Place::behind(running, waiting, &account.terms) {
            Place::Runs => Ok(TaskState::submitted(now)),
            Place::Waits => Ok(TaskState::submitted(now).in_line(now)),
            Place::None => {
                let detail = format!(
                    "{running} analyses run and {waiting} wait; this tier allows no more: wait for one to end"
                );
                let refusal = Refusal::new(RefusalCode::ConcurrencyLimit, detail);
                Err(Refusal { tier: Some(account.tier), ..refusal }.into())
            }
        }
    }

    /// The write that makes a decision on this line conflict with every other one.
    pub(super) fn decided(&self, business: &BusinessId) -> Result<Write> {
        let decisions = self.turn.as_ref().map_or(0, |(line, _)| line.decisions) + 1;
        let line = LineDoc { business: business.clone(), decisions };
        Ok(Write::put(self.key.clone(), self.turn.as_ref().map(|(_, version)| *version), &line)?)
    }
}

impl Engine {
    /// Reads a business's line: first whose turn it is, then the tasks, so that whoever decides
    /// meanwhile is noticed.
    pub(super) async fn line(&self, business: &BusinessId) -> Result<Line> {
        let key = Key::new("lines", business.as_str());
        let documents = &self.ports.documents;
        let turn = match documents.get(std::slice::from_ref(&key)).await?.pop().flatten() {
            Some(document) => Some((document.read()?, document.version)),
            None => None,
        };
        let mut line = Line { key, turn, running: 0, waiting: Vec::new() };
        for status in [Status::Queued, Status::Running] {
            let open = Query::collection("tasks")
                .equal("business", business.as_str())
                .equal("status", status.as_str());
            for document in documents.query(&open.limit(MOST_OPEN)).await? {
                let doc: TaskDoc = document.read()?;
                if doc.state.waiting {
                    line.waiting.push((document, doc));
                } else {
                    line.running += 1;
                }
            }
        }
        line.waiting.sort_by(|(a, first), (b, second)| {
            (first.created_at, &a.key).cmp(&(second.created_at, &b.key))
        });
        Ok(line)
    }

    /// Lets those start who are first in line, as long as there is room. The sweep makes up for a
    /// failure.
    pub(super) async fn start_next(&self, business: &BusinessId) {
        if let Err(error) = self.try_start_next(business).await {
            tracing::warn!(%error, budget.id = %business, "the line of {business} is left to the sweep");
        }
    }

    async fn try_start_next(&self, business: &BusinessId) -> Result<()> {
        let terms = self.ledger.terms(business).await?.terms;
        let mut retry = Retry::default();
        loop {
            let line = self.line(business).await?;
            let Some((document, mut doc)) = line.waiting.first().cloned() else { return Ok(()) };
            if line.running >= terms.max_running_tasks as usize {
                return Ok(());
            }
            let Some(state) = doc.state.start(self.ports.clock.now()) else { return Ok(()) };
            (doc.state, doc.commits) = (state, doc.commits + 1);
            let task = TaskId::new(document.key.id.clone())
                .map_err(|error| Error::Internal(error.to_string()))?;
            let writes = vec![
                line.decided(business)?,
                Write::replace(task_key(&task), document.version, &doc)?,
            ];
            match self.ports.documents.commit(writes).await {
                Ok(_) => self.wake(&task, doc.state.phase, doc.state.phase_seq).await,
                // Started by somebody else, or by this very commit: then its wake-up is published
                // by the sweep.
                Err(error @ (StoreError::Conflict(_) | StoreError::Unavailable(_))) => {
                    retry.after(error).await?;
                }
                Err(error @ StoreError::Invalid { .. }) => return Err(error.into()),
            }
        }
    }
}
