//! The ledger's sweep: orphaned calls, grants of finished tasks, undelivered notices.

use std::collections::BTreeMap;

use domain::{
    CallId, NanoUsd, TaskId,
    budget::{CallState, GrantState},
    task::Status,
};
use ports::{
    Key, Message, Precondition, Query, Write,
    documents::{Comparison, Direction},
};

use super::{Ledger, group::Posted};
use crate::{
    documents::{CallDoc, GrantDoc, GrantOwner, NoticeDoc, call_key, task_key},
    error::{Error, Result},
    retry::Retry,
};

/// Documents looked at in one page.
const PAGE: usize = 100;

/// What a sweep of the ledger did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Swept {
    /// Calls charged at their bound because nobody settled them.
    pub calls: usize,
    /// Grants booked or closed.
    pub grants: usize,
    /// Notices delivered.
    pub notices: usize,
}

impl Ledger {
    /// Ends what is due, in pages until nothing is. One document that cannot be handled does not
    /// keep the rest waiting.
    pub async fn sweep(&self) -> Result<Swept> {
        let mut swept = Swept::default();
        for key in self.due("calls").await? {
            swept.calls += usize::from(noted(&key, self.sweep_call(&key, false).await));
        }
        for key in self.due("grants").await? {
            swept.grants += usize::from(noted(&key, self.sweep_grant(&key).await));
        }
        for key in self.due("notices").await? {
            swept.notices += usize::from(noted(&key, self.deliver(&key).await));
        }
        Ok(swept)
    }

    /// Charges every open call at its bound: for a store that only one process writes, at that
    /// process's start.
    pub async fn sweep_abandoned(&self) -> Result<()> {
        let mut query = Query::collection("calls").equal("state", "reserved").limit(PAGE);
        loop {
            let page = self.ports.documents.query(&query).await?;
            for document in &page {
                self.sweep_call(&document.key, true).await?;
            }
            let Some(next) = query.next_page(&page) else { return Ok(()) };
            query = next;
        }
    }

    /// Every document of a collection whose `sweep_at` has come.
    async fn due(&self, collection: &str) -> Result<Vec<Key>> {
        let now = self.ports.clock.now();
        let mut query = Query::collection(collection)
            .filter("sweep_at", Comparison::LessOrEqual, now.to_string())
            .order("sweep_at", Direction::Ascending)
            .limit(PAGE);
        let mut due = Vec::new();
        loop {
            let page = self.ports.documents.query(&query).await?;
            due.extend(page.iter().map(|document| document.key.clone()));
            let Some(next) = query.next_page(&page) else { return Ok(due) };
            query = next;
        }
    }

    /// Charges an open call that nobody settled at its bound: the provider may have answered, so it
    /// is never free.
    async fn sweep_call(&self, key: &Key, abandoned: bool) -> Result<bool> {
        let id = CallId::new(key.id.clone()).map_err(|error| Error::Internal(error.to_string()))?;
        let mut retry = Retry::default();
        loop {
            let (doc, version) = self.read_call(&id).await?;
            let now = self.ports.clock.now();
            if doc.state != CallState::Reserved
                || (!abandoned && doc.sweep_at.is_none_or(|at| at > now))
            {
                return Ok(false);
            }
            let account = self.terms(&doc.business).await?;
            let charged = CallDoc {
                state: CallState::Unknown,
                charged: doc.charged + doc.hold,
                swept: Some(doc.hold),
                hold: NanoUsd::ZERO,
                paid_tries: doc.paid_tries + 1,
                sweep_at: None,
                mirror_at: Some(now),
                ..doc.clone()
            };
            let transition = Write::replace(call_key(&id), version, &charged)?;
            let charge = (doc.hold, doc.hold);
            if let Posted::Stored(_) =
                self.release(&account, &doc, charge, transition, &mut retry).await?
            {
                tracing::warn!(call.id = %id, cost.nano_usd = doc.hold.0, "call {id} was charged at its bound: nobody settled it");
                return Ok(true);
            }
        }
    }

    /// Books a grant; closes it when its task is over, and takes back what a parked task does not
    /// hold.
    async fn sweep_grant(&self, key: &Key) -> Result<bool> {
        let task =
            TaskId::new(key.id.clone()).map_err(|error| Error::Internal(error.to_string()))?;
        let mut retry = Retry::default();
        loop {
            let (stored, version) = self.read_grant(&task).await?;
            let status = self.status(&task).await?;
            if stored.grant.state == GrantState::Open && status.is_none_or(Status::is_final) {
                let closing = GrantDoc { grant: stored.grant.clone().close(), ..stored };
                let write = Write::replace(key.clone(), version, &closing)?;
                if let Err(error) = self.ports.documents.commit(vec![write]).await {
                    retry.after(error).await?;
                    continue;
                }
            }
            if status == Some(Status::Parked) {
                self.return_free(&task).await?;
            } else {
                self.flush_grant(&task).await?;
            }
            return Ok(true);
        }
    }

    async fn status(&self, task: &TaskId) -> Result<Option<Status>> {
        let Some(document) = self.read_one(&task_key(task)).await? else { return Ok(None) };
        Ok(Some(document.read::<GrantOwner>()?.status))
    }

    /// Delivers notices in the background; the sweep delivers those that fail.
    pub fn deliver_soon(&self, notices: Vec<Key>) {
        for key in notices {
            let ledger = self.clone();
            tokio::spawn(async move {
                noted(&key, ledger.deliver(&key).await);
            });
        }
    }

    /// Publishes a notice and marks it delivered; a crash in between delivers it again under the
    /// same key.
    async fn deliver(&self, key: &Key) -> Result<bool> {
        let Some(document) = self.read_one(key).await? else { return Ok(false) };
        let notice: NoticeDoc = document.read()?;
        if notice.sweep_at.is_none() {
            return Ok(false);
        }
        let NoticeDoc { kind, business, period, level, created_at, .. } = &notice;
        tracing::warn!(budget.id = %business, budget.period = %period, "budget of {business} for {period} reached level {}", level.as_str());
        let data = serde_json::json!({
            "event": kind, "key": key.id, "business_id": business, "period": period, "level": level,
            "timestamp": created_at,
        });
        let message = Message {
            topic: "task-events".into(),
            data: data.to_string(),
            attributes: BTreeMap::new(),
        };
        self.ports
            .bus
            .publish(message)
            .await
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let delivered = Write::merge(key.clone(), Precondition::Exists).unset("sweep_at");
        self.ports.documents.commit(vec![delivered]).await?;
        Ok(true)
    }
}

/// Whether something was done; a failure is logged once, here, and left for the next sweep.
fn noted(key: &Key, done: Result<bool>) -> bool {
    done.unwrap_or_else(|error| {
        tracing::error!(document = %key, %error, "{key} could not be swept");
        false
    })
}
