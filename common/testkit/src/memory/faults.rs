//! Faults of the in-memory store.

use std::time::Duration;

use ports::{Key, Query, Write};

/// How an access fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A commit reports a conflict and does nothing. A read cannot conflict; it reports
    /// unavailable.
    Conflict,
    /// The store is unreachable; nothing happened.
    UnavailableBefore,
    /// A commit takes effect, but its answer is lost. A read reports unavailable.
    UnavailableAfter,
    /// A commit is refused as invalid, with a document that does not exist; nothing happened. A
    /// read reports unavailable.
    Invalid,
    /// The access succeeds after this delay.
    Slow(Duration),
}

/// An access about to happen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Access<'a> {
    /// Reading documents by key.
    Get(&'a [Key]),
    /// Reading a page.
    Query(&'a Query),
    /// Committing writes.
    Commit(&'a [Write]),
}

impl Access<'_> {
    fn is_commit(&self) -> bool {
        matches!(self, Self::Commit(_))
    }
}

type Decide = Box<dyn FnMut(Access<'_>) -> Option<Fault> + Send>;

/// The queued faults and the rule.
#[derive(Default)]
pub(super) struct Faults {
    commits: Vec<(usize, Fault)>,
    reads: Vec<(usize, Fault)>,
    decide: Option<Decide>,
}

impl Faults {
    pub(super) fn on_commit(&mut self, nth: usize, fault: Fault) {
        self.commits.push((nth, fault));
    }

    pub(super) fn on_read(&mut self, nth: usize, fault: Fault) {
        self.reads.push((nth, fault));
    }

    pub(super) fn when(&mut self, decide: Decide) {
        self.decide = Some(decide);
    }

    /// The fault of this access: a queued one first, otherwise that of the test's rule.
    pub(super) fn next(&mut self, access: Access<'_>) -> Option<Fault> {
        let queue = if access.is_commit() { &mut self.commits } else { &mut self.reads };
        for (nth, _) in queue.iter_mut() {
            *nth = nth.saturating_sub(1);
        }
        let due = queue.iter().position(|(nth, _)| *nth == 0);
        let queued = due.map(|due| queue.remove(due).1);
        queued.or_else(|| self.decide.as_mut()?(access))
    }
}
