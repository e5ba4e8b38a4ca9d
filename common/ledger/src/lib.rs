//! The ledger: reserve before a call, settle after it, never admit what could pass the limit.
//!
//! Every money commit makes exactly one transition of `calls/{id}` under its version, which makes
//! reserve, settle, release and sweep exclusive and idempotent. Calls of a task move money inside
//! their grant; direct calls move the business's counters. After any error the documents are read
//! back: an error may hide a success.

mod account;
mod calls;
mod counters;
pub mod documents;
mod error;
mod grants;
mod group;
mod holds;
mod mirror;
mod outcomes;
mod owner;
mod payload;
mod report;
pub mod retry;
mod sweep;

use std::{ops::Deref, sync::Arc};

use domain::{TaskId, rulebook::Rulebook};
use ports::{ArtifactStore, Clock, Documents, EventBus, Ids, Subscriptions};
use tokio::sync::{Mutex, MutexGuard};

pub use account::{Account, StoredSubscriptions};
pub use calls::{Answer, OpenCall, Opened, OpenedCall, Settlement};
pub use error::{Error, Result};
pub use grants::TaskMoney;
pub use mirror::Mirrored;
pub use outcomes::{MOST_OUTCOMES, RoutingOutcome};
pub use report::{BudgetView, GroupBy, UsageGroup, UsageReport};

/// Writers of one task's grant take turns within a process, so that they do not lose races against
/// each other.
const TURNS: usize = 64;

/// The ports a ledger works with.
#[derive(Clone)]
pub struct LedgerPorts {
    /// Calls, grants, counters.
    pub documents: Arc<dyn Documents>,
    /// Large answers.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// The subscriptions of businesses.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// Budget warnings.
    pub bus: Arc<dyn EventBus>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of nonces.
    pub ids: Arc<dyn Ids>,
}

/// Budgets and paid calls; clones share everything.
#[derive(Clone)]
pub struct Ledger(Arc<Parts>);

/// What the clones of a ledger share.
pub struct Parts {
    ports: LedgerPorts,
    rules: Arc<Rulebook>,
    turns: [Mutex<()>; TURNS],
    lanes: group::Lanes,
}

impl Deref for Ledger {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Ledger {
    /// A ledger over some ports.
    pub fn new(ports: LedgerPorts, rules: Arc<Rulebook>) -> Self {
        let turns = [const { Mutex::const_new(()) }; TURNS];
        Self(Arc::new(Parts { ports, rules, turns, lanes: group::Lanes::default() }))
    }

    /// The data it prices with.
    pub fn rules(&self) -> &Arc<Rulebook> {
        &self.rules
    }

    async fn turn(&self, task: &TaskId) -> MutexGuard<'_, ()> {
        let sum = task
            .as_str()
            .bytes()
            .fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.turns[sum % TURNS].lock().await
    }
}

#[cfg(test)]
mod tests;
