//! Changes of a task from outside: cancel, park, redrive.

use domain::{
    BusinessId, TaskId, Time,
    event::{Event, EventKind},
    task::Status,
};
use ports::{Precondition, Query, Write};
use serde_json::{Value, json};

use super::{Engine, submit::event_write};
use crate::documents::{TaskDoc, steps_collection};
use ledger::{Error, Result, documents::task_key, retry::Retry};

/// Tasks looked at in one page.
const PAGE: usize = 100;

impl Engine {
    /// Cancels a task that is not over. Its worker notices by its watch, and at its next commit.
    pub async fn cancel(&self, task: &TaskId, reason: &str) -> Result<Status> {
        let changed = self
            .transition(task, vec![self.closing_write(task)], |doc, now| {
                doc.state = doc.state.cancel(reason)?;
                doc.finished_at = Some(now);
                Some((EventKind::TaskCancelled, json!({ "reason": reason })))
            })
            .await?;
        match changed {
            Some((doc, event)) => {
                self.conclude(&doc.business, task, &[event]).await;
                Ok(Status::Cancelled)
            }
            None => Ok(self.read_task(task).await?.0.state.status()),
        }
    }

    /// Sets a task aside, unless it is over or was set aside before.
    pub async fn park(&self, task: &TaskId, reason: &str) -> Result<()> {
        let parked = self
            .transition(task, Vec::new(), |doc, _| {
                let busy = matches!(doc.state.status(), Status::Queued | Status::Running);
                busy.then(|| doc.state = doc.state.park(reason, None))?;
                Some((EventKind::TaskParked, json!({ "reason": reason })))
            })
            .await?;
        if let Some((doc, event)) = parked {
            self.after_park(&doc.business, task, &[event]).await;
        }
        Ok(())
    }

    /// Resumes a parked task. Its unanswered calls get new keys: a call that was paid as often as
    /// allowed would never be answered.
    pub async fn redrive(&self, task: &TaskId) -> Result<Status> {
        let unanswered =
            Query::collection(steps_collection(task)).equal("state", "started").limit(PAGE);
        let unanswered = self.ports.documents.query(&unanswered).await?.into_iter();
        let renewed = unanswered
            .map(|step| Write::merge(step.key, Precondition::Exists).increment("generation", 1))
            .collect();
        let redriven = self
            .transition(task, renewed, |doc, now| {
                doc.state = doc.state.redrive(now)?;
                let data = json!({ "percent_complete": doc.percent, "current_step": "redriven" });
                Some((EventKind::TaskStarted, data))
            })
            .await?;
        let Some((doc, _)) = redriven else {
            let status = self.read_task(task).await?.0.state.status();
            return Err(Error::WrongState(format!(
                "only a parked task can be retried; this one is {}",
                status.as_str()
            )));
        };
        self.start_next(&doc.business).await;
        Ok(doc.state.status())
    }

    /// Emergency stop: cancels every task of a business (of all businesses for `None`) that is not
    /// over.
    pub async fn cancel_all(&self, business: Option<&BusinessId>, reason: &str) -> Result<usize> {
        let mut cancelled = 0;
        for status in [Status::Queued, Status::Running, Status::Parked] {
            let mut query = Query::collection("tasks").equal("status", status.as_str()).limit(PAGE);
            if let Some(business) = business {
                query = query.equal("business", business.as_str());
            }
            loop {
                let page = self.ports.documents.query(&query).await?;
                for document in &page {
                    let task = TaskId::new(document.key.id.clone())
                        .map_err(|it| Error::Internal(it.to_string()))?;
                    self.cancel(&task, reason).await?;
                    cancelled += 1;
                }
                match page.last() {
                    Some(last) if page.len() == PAGE => query = query.after(last),
                    _ => break,
                }
            }
        }
        Ok(cancelled)
    }

    /// Commits a transition from outside with its event and other writes; `None` when the task's
    /// state does not allow it.
    async fn transition(
        &self,
        task: &TaskId,
        extra: Vec<Write>,
        change: impl Fn(&mut TaskDoc, Time) -> Option<(EventKind, Value)>,
    ) -> Result<Option<(TaskDoc, Event)>> {
        let mut retry = Retry::default();
        let mut intended: Option<(TaskDoc, Event)> = None;
        loop {
            let (mut doc, version) = self.read_task(task).await?;
            if let Some((ours, event)) = &intended
                && (doc.commits, &doc.state) == (ours.commits, &ours.state)
            {
                // The commit took effect although its answer was an error.
                return Ok(Some((doc, event.clone())));
            }
            let now = self.ports.clock.now();
            let Some((kind, data)) = change(&mut doc, now) else { return Ok(None) };
            doc.commits += 1;
            doc.last_seq += 1;
            doc.note_holder(now);
            let event = Event {
                seq: doc.last_seq,
                task_id: task.clone(),
                event: kind,
                data,
                timestamp: now,
            };
            let mut writes = extra.clone();
            writes.extend([event_write(&event)?, Write::replace(task_key(task), version, &doc)?]);
            match self.ports.documents.commit(writes).await {
                Ok(_) => return Ok(Some((doc, event))),
                Err(error) => {
                    intended = Some((doc, event));
                    retry.after(error).await?;
                }
            }
        }
    }
}
