//! Group commit: simultaneous changes of a business's money share one commit of its counters.
//!
//! Each business has a commit queue. One commit of a queue is in flight; changes that arrive
//! meanwhile wait for the next. The committer is a task of its own and not a caller's future, so a
//! caller that gives up cancels no commit. Between commits the queue keeps the counters it last
//! wrote: admitting on them is safe, because the commit is conditional on their versions. Refusing
//! on them is not, so a refusal is decided on counters read after its request arrived.

mod lane;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{
    BusinessId, NanoUsd,
    budget::{Movement, Period, RefusalCode},
};
use ports::{Version, Write};
use tokio::sync::oneshot;

use super::{Account, Ledger};
use crate::error::{Error, Result};
use lane::Lane;

/// What a change moves in the business's counters.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Money {
    /// Holds an amount in a period, or is refused.
    Reserve(Period, NanoUsd),
    /// Books spending and releases holds; never refused.
    Book(Vec<Movement>),
    /// Notes that a period refused work.
    Exhaust(Period, RefusalCode),
}

/// One change: documents under the preconditions they were decided on, and the money that moves
/// with them.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Change {
    /// The documents of this change; another change of the same ones takes the next commit.
    pub(super) writes: Vec<Write>,
    /// The money that the change moves.
    pub(super) money: Money,
}

/// What became of a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Posted {
    /// It is stored; the versions of its writes, in their order.
    Stored(Vec<Version>),
    /// One of its documents has changed, perhaps by this very change, whose answer was lost: read
    /// them, recognise the own write, or decide again.
    Overtaken,
}

/// A change that waits for its commit.
struct Waiting {
    account: Account,
    change: Change,
    answer: oneshot::Sender<Result<Posted>>,
}

/// The commit queues of all businesses that move money now or did lately.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<BusinessId, Queue>>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    is_busy: bool,
    /// What an idle commit queue keeps for its next commit.
    lane: Option<Lane>,
}

/// Idle commit queues kept; others are dropped, and their next commit reads the counters again.
const MOST_LANES: usize = 256;

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, HashMap<BusinessId, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a change to its commit queue; returns the queue when it has no committer yet.
    fn join(&self, waiting: Waiting) -> Option<Lane> {
        let mut lanes = self.lock();
        let business = waiting.account.business.clone();
        if lanes.len() >= MOST_LANES && !lanes.contains_key(&business) {
            lanes.retain(|_, queue| queue.is_busy);
        }
        let queue = lanes.entry(business.clone()).or_default();
        queue.waiting.push(waiting);
        let is_first = !std::mem::replace(&mut queue.is_busy, true);
        is_first.then(|| queue.lane.take().unwrap_or_else(|| Lane::new(&business)))
    }

    /// Takes all changes that wait in a commit queue, or marks the queue idle.
    fn take(&self, business: &BusinessId, lane: Lane) -> Option<(Lane, Vec<Waiting>)> {
        let mut lanes = self.lock();
        let queue = lanes.entry(business.clone()).or_default();
        if queue.waiting.is_empty() {
            (queue.is_busy, queue.lane) = (false, Some(lane));
            return None;
        }
        Some((lane, std::mem::take(&mut queue.waiting)))
    }

    /// Whether any change waits in a commit queue.
    fn is_wanted(&self, business: &BusinessId) -> bool {
        self.lock().get(business).is_some_and(|queue| !queue.waiting.is_empty())
    }

    /// A committer that died must not block its commit queue for ever: the waiting callers are told
    /// that the outcome of their changes is unknown.
    fn abandon(&self, business: &BusinessId) {
        self.lock().remove(business);
    }
}

/// Frees a commit queue whose committer ends in any other way than by finding nothing to do.
struct Committer {
    ledger: Ledger,
    business: BusinessId,
    is_done: bool,
}

impl Drop for Committer {
    fn drop(&mut self) {
        if !self.is_done {
            self.ledger.lanes.abandon(&self.business);
        }
    }
}

impl Ledger {
    /// Stores a change together with the other changes of the business's money at this time.
    pub(super) async fn post(&self, account: &Account, change: Change) -> Result<Posted> {
        let (answer, posted) = oneshot::channel();
        let waiting = Waiting { account: account.clone(), change, answer };
        if let Some(lane) = self.lanes.join(waiting) {
            let committer = Committer {
                ledger: self.clone(),
                business: account.business.clone(),
                is_done: false,
            };
            tokio::spawn(committer.run(lane));
        }
        posted.await.unwrap_or_else(|_| Err(Error::Unavailable("the commit was abandoned".into())))
    }
}

impl Committer {
    async fn run(mut self, mut lane: Lane) {
        while let Some((rested, waiting)) = self.ledger.lanes.take(&self.business, lane) {
            lane = rested;
            lane.commit_all(&self.ledger, waiting).await;
            if self.ledger.lanes.is_wanted(&self.business) {
                // Other tasks that are ready now join the next commit: the more changes share one,
                // the less each costs.
                tokio::task::yield_now().await;
            }
        }
        self.is_done = true;
    }
}
