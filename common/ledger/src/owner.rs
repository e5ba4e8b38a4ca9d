//! Duties of the owner of a running call: it reports alive, and ends the call when asked to.

use std::time::Duration;

use domain::{CallId, Time, budget::CallState};
use futures::StreamExt as _;
use ports::{Key, Precondition, Query, StoreError, Write};

use super::{Ledger, calls::SILENCE_SECONDS};
use crate::{
    documents::{CallDoc, call_key},
    error::Result,
    retry::Retry,
};

/// How often an owner reports alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a request to end a call is kept.
const CANCEL_KEPT_SECONDS: i64 = 3600;

impl Ledger {
    /// Waits until a call that somebody else makes has ended, or `timeout` has passed; `None` then.
    pub async fn wait(&self, id: &CallId, timeout: Duration) -> Result<Option<CallState>> {
        let mut changes = self.ports.documents.watch(Query::document(&call_key(id)));
        let ended = async {
            while let Some(batch) = changes.next().await {
                for document in batch? {
                    let doc: CallDoc = document.read()?;
                    if doc.state != CallState::Reserved {
                        return Ok(Some(doc.state));
                    }
                }
            }
            Ok(None)
        };
        tokio::time::timeout(timeout, ended).await.unwrap_or(Ok(None))
    }

    /// Asks the owner of a running call to end it. One that is over is left alone.
    pub async fn request_cancel(&self, id: &CallId) -> Result<()> {
        let mut retry = Retry::default();
        loop {
            let Some(document) = self.read_one(&call_key(id)).await? else { return Ok(()) };
            let doc: CallDoc = document.read()?;
            if doc.state != CallState::Reserved {
                return Ok(());
            }
            let now = self.ports.clock.now();
            let asked = CancelDoc { at: now, expire_at: now.plus_seconds(CANCEL_KEPT_SECONDS) };
            let write = Write::create(cancel_key(id, &doc.holder), &asked)?;
            match self.ports.documents.commit(vec![write]).await {
                Ok(_) | Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// Completes when somebody asks this owner's call to end.
    pub async fn cancel_requested(&self, call: &CallId, holder: &str) {
        let mut changes = self.ports.documents.watch(Query::document(&cancel_key(call, holder)));
        while let Some(batch) = changes.next().await {
            match batch {
                Ok(documents) if !documents.is_empty() => return,
                Ok(_) => {}
                // Without news the call ends at its deadline at the latest.
                Err(error) => {
                    tracing::warn!(call.id = %call, %error, "call {call} cannot be watched for a cancel");
                    break;
                }
            }
        }
        std::future::pending::<()>().await;
    }

    /// Reports, while it is polled, that the owner of a call is alive: the sweep ends a call whose
    /// owner is silent.
    pub async fn keep_alive(&self, call: &CallId, holder: &str) {
        loop {
            tokio::time::sleep(KEEP_ALIVE).await;
            if let Err(error) = self.show_alive(call, holder).await {
                tracing::warn!(call.id = %call, %error, "call {call} missed a sign of life");
            }
        }
    }

    async fn show_alive(&self, id: &CallId, holder: &str) -> Result<()> {
        let (doc, version) = self.read_call(id).await?;
        if doc.state == CallState::Reserved && doc.holder == holder {
            let sweep_at = self.ports.clock.now().plus_seconds(SILENCE_SECONDS);
            let write = Write::merge(call_key(id), Precondition::Version(version))
                .set("sweep_at", sweep_at.to_string());
            match self.ports.documents.commit(vec![write]).await {
                // The owner's own commit came first: that also shows that it is alive.
                Ok(_) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct CancelDoc {
    at: Time,
    expire_at: Time,
}

/// `cancels/{call}_{holder}`: a document of its own, so that asking for an end never races the
/// owner's money commits, and never ends a later owner's call.
fn cancel_key(id: &CallId, holder: &str) -> Key {
    Key::new("cancels", format!("{id}_{holder}"))
}
