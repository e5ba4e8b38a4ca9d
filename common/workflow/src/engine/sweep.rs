//! The sweep: wakes tasks whose lease or wake-up was lost.

use domain::{TaskId, task::Status};
use ports::{
    Document, Query, Write,
    documents::{Comparison, Direction},
};

use super::Engine;
use crate::documents::TaskDoc;
use ledger::{Error, Result, documents::task_key};

/// Tasks looked at in one page.
const PAGE: usize = 100;

impl Engine {
    /// Wakes every due task, page by page; returns how many. One that cannot be handled does not
    /// block the others.
    pub async fn sweep(&self) -> Result<usize> {
        let now = self.ports.clock.now();
        let mut query = Query::collection("tasks")
            .filter("wake_at", Comparison::LessOrEqual, now.to_string())
            .order("wake_at", Direction::Ascending)
            .limit(PAGE);
        let mut woken = 0;
        loop {
            let page = self.ports.documents.query(&query).await?;
            for document in &page {
                match self.sweep_task(document).await {
                    Ok(swept) => woken += usize::from(swept),
                    Err(error) => {
                        tracing::error!(task.id = %document.key.id, %error, "task {} could not be swept", document.key.id);
                    }
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => query = query.after(last),
                _ => return Ok(woken),
            }
        }
    }

    /// Takes over the work of an earlier process, for a store that only one process writes: every
    /// lease and open call found at its start belongs to a dead process.
    pub async fn take_over(&self) -> Result<()> {
        self.ledger.sweep_abandoned().await?;
        let mut query =
            Query::collection("tasks").equal("status", Status::Running.as_str()).limit(PAGE);
        loop {
            let page = self.ports.documents.query(&query).await?;
            for document in &page {
                let mut doc: TaskDoc = document.read()?;
                doc.state = doc.state.orphaned(self.ports.clock.now());
                doc.commits += 1;
                doc.note_holder(self.ports.clock.now());
                let write = Write::replace(document.key.clone(), document.version, &doc)?;
                self.ports.documents.commit(vec![write]).await?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => query = query.after(last),
                _ => break,
            }
        }
        self.sweep().await.map(|_| ())
    }

    /// Postpones the task's `wake_at`, then publishes its wake-up; after a lost race another worker
    /// has handled it. `commits` stays: a holder that outlived its lease counts its own commits by
    /// it.
    async fn sweep_task(&self, document: &Document) -> Result<bool> {
        let task = TaskId::new(document.key.id.clone())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let mut doc: TaskDoc = document.read()?;
        let Some(state) = doc.state.sweep(self.ports.clock.now()) else { return Ok(false) };
        doc.state = state;
        let write = Write::replace(task_key(&task), document.version, &doc)?;
        match self.ports.documents.commit(vec![write]).await {
            Ok(_) => {}
            Err(ports::StoreError::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if doc.state.is_waiting() {
            self.start_next(&doc.business).await;
        } else {
            self.wake(&task, doc.state.phase, doc.state.phase_seq).await;
        }
        Ok(true)
    }
}
