//! The committer of a business's commit queue: one commit after the other, each with all waiting
//! changes.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use domain::{BusinessId, Time, budget::Refusal};
use ports::{
    Document, Key, Precondition, StoreError, Version, Write,
    documents::{Change as Stored, MAX_COMMIT_BYTES, MAX_WRITES, bytes},
};
use tokio::time::Instant;

use super::{Change, Money, Posted, Waiting};
use crate::{
    Ledger,
    counters::Counters,
    error::Error,
    retry::{Retry, jitter},
};

/// Writes that a commit keeps free for counters and notices.
const RESERVED_WRITES: usize = 16;
/// Bytes that a commit keeps free for them.
const RESERVED_BYTES: usize = 64 * 1024;
/// How long after another process's commit this one keeps pausing between its own.
const POLITE: Duration = Duration::from_secs(1);
/// Bounds of how long it waits: the longest lets another commit the largest group.
const LEAST_WAIT: Duration = Duration::from_millis(1);
const MOST_WAIT: Duration = Duration::from_millis(150);

/// What a committer knows between its commits.
pub(super) struct Lane {
    counters: Counters,
    business: BusinessId,
    /// When another process last changed the counters under this one.
    rivalled_at: Option<Instant>,
}

/// Why a commit must be decided again.
enum Again {
    /// Some changes were answered and left out; the rest is decided again.
    Rest(Vec<Waiting>),
    /// Try again in halves: one change is invalid, and it is unknown which.
    Halves(Vec<Waiting>, Vec<Waiting>),
}

impl Lane {
    pub(super) fn new(business: &BusinessId) -> Self {
        Self { counters: Counters::new(business), business: business.clone(), rivalled_at: None }
    }

    /// Commits everything that waits, in as many commits as its size needs.
    pub(super) async fn commit_all(&mut self, ledger: &Ledger, mut waiting: Vec<Waiting>) {
        // Changes that release holds go first: they may make room for new holds.
        waiting.sort_by_key(|it| matches!(it.change.money, Money::Reserve(..)));
        while !waiting.is_empty() {
            let (group, rest) = one_commit(waiting);
            waiting = rest;
            let started = Instant::now();
            self.commit_group(ledger, group).await;
            self.let_others_go(started.elapsed()).await;
        }
    }

    /// Commits a group until the fate of each of its changes is known.
    async fn commit_group(&mut self, ledger: &Ledger, group: Vec<Waiting>) {
        let mut parts = vec![(group, Retry::default())];
        while let Some((part, mut retry)) = parts.pop() {
            match self.commit(ledger, part, &mut retry).await {
                None => {}
                Some(Again::Rest(rest)) if rest.is_empty() => {}
                Some(Again::Rest(rest)) => parts.push((rest, retry)),
                Some(Again::Halves(first, second)) => {
                    parts.extend([(second, Retry::default()), (first, Retry::default())]);
                }
            }
        }
    }

    /// For a while after a lost race the committer pauses about as long as its commit took, so that
    /// no process loses for ever.
    async fn let_others_go(&mut self, took: Duration) {
        let Some(rivalled_at) = self.rivalled_at else { return };
        if rivalled_at.elapsed() > POLITE {
            self.rivalled_at = None;
            return;
        }
        tokio::time::sleep(jitter((took * 2).clamp(LEAST_WAIT, MOST_WAIT))).await;
    }

    /// One commit of a group, and an answer to each change whose fate is known.
    async fn commit(
        &mut self,
        ledger: &Ledger,
        mut group: Vec<Waiting>,
        retry: &mut Retry,
    ) -> Option<Again> {
        let now = ledger.ports.clock.now();
        if let Err(error) = self.decide(ledger, &mut group, now).await {
            return self.failed(group, error, retry).await;
        }
        let (money, notices) = match self.counters.writes(now) {
            Ok(writes) => writes,
            Err(error) => return self.failed(group, error, retry).await,
        };
        let mut writes: Vec<Write> =
            group.iter().flat_map(|it| it.change.writes.iter().cloned()).collect();
        let (own, keys) =
            (writes.len(), money.iter().map(|write| write.key.clone()).collect::<Vec<_>>());
        writes.extend(money);
        if writes.is_empty() {
            answer_all(group, |_| Ok(Posted::Stored(Vec::new())));
            return None;
        }
        match ledger.ports.documents.commit(writes).await {
            Ok(versions) => {
                self.counters.committed(
                    &keys.into_iter().zip(versions.iter().skip(own).copied()).collect::<Vec<_>>(),
                );
                let mut versions = versions.into_iter();
                answer_all(group, |change| {
                    Ok(Posted::Stored(versions.by_ref().take(change.writes.len()).collect()))
                });
                ledger.deliver_soon(notices);
                None
            }
            Err(error) => self.sort_out(ledger, group, error, retry).await,
        }
    }

    /// Moves the money of all changes in the counters and answers the refused ones. A refusal on
    /// counters kept from an earlier commit is decided again on fresh ones.
    async fn decide(
        &mut self,
        ledger: &Ledger,
        group: &mut Vec<Waiting>,
        now: Time,
    ) -> Result<(), StoreError> {
        let is_kept = !self.counters.is_empty();
        self.counters.undo();
        self.read(ledger, group).await?;
        let mut refused = self.move_money(group, now);
        if is_kept && refused.iter().any(Option::is_some) {
            self.counters = Counters::new(&self.business);
            self.read(ledger, group).await?;
            refused = self.move_money(group, now);
        }
        let mut refusals = refused.into_iter();
        let mut admitted = Vec::with_capacity(group.len());
        for waiting in group.drain(..) {
            match refusals.next().flatten() {
                Some(refusal) => waiting.answer(Err(Error::Refused(refusal))),
                None => admitted.push(waiting),
            }
        }
        *group = admitted;
        Ok(())
    }

    async fn read(&mut self, ledger: &Ledger, group: &[Waiting]) -> Result<(), StoreError> {
        for waiting in group {
            let periods = match &waiting.change.money {
                Money::Reserve(period, _) | Money::Exhaust(period, _) => vec![period],
                Money::Book(movements) => {
                    movements.iter().map(|movement| &movement.period).collect()
                }
            };
            self.counters
                .add(ledger.ports.documents.as_ref(), &periods, &waiting.account.terms)
                .await?;
        }
        Ok(())
    }

    fn move_money(&mut self, group: &[Waiting], now: Time) -> Vec<Option<Box<Refusal>>> {
        let counters = &mut self.counters;
        let moved = group.iter().map(|waiting| match &waiting.change.money {
            Money::Reserve(period, amount) => {
                counters.reserve(period, *amount, waiting.account.tier, now).err()
            }
            Money::Book(movements) => {
                for movement in movements {
                    counters.book(movement);
                }
                None
            }
            Money::Exhaust(period, code) => {
                counters.exhaust(period, *code);
                None
            }
        });
        moved.collect()
    }

    /// After an error the commit may still have succeeded: the documents are read to find out.
    async fn sort_out(
        &mut self,
        ledger: &Ledger,
        group: Vec<Waiting>,
        error: StoreError,
        retry: &mut Retry,
    ) -> Option<Again> {
        self.counters = Counters::new(&self.business);
        if let StoreError::Invalid { key, .. } = &error {
            return exclude(group, &key.clone(), &error);
        }
        let is_conflict = matches!(error, StoreError::Conflict(_));
        if let Err(error) = retry.after(error).await {
            answer_all(group, |_| Err(error.clone().into()));
            return None;
        }
        let keys: Vec<Key> =
            group.iter().flat_map(|it| &it.change.writes).map(|write| write.key.clone()).collect();
        let found = loop {
            match ledger.ports.documents.get(&keys).await {
                Ok(found) => break found,
                Err(error) => {
                    if let Err(error) = retry.after(error).await {
                        answer_all(group, |_| Err(error.clone().into()));
                        return None;
                    }
                }
            }
        };
        let found: HashMap<Key, Document> =
            found.into_iter().flatten().map(|document| (document.key.clone(), document)).collect();
        let (mut rest, before) = (Vec::new(), group.len());
        for waiting in group {
            match fate(&waiting.change.writes, &found) {
                Some(posted) => waiting.answer(Ok(posted)),
                None => rest.push(waiting),
            }
        }
        if is_conflict && rest.len() == before {
            // No change's own documents were touched: another process changed the counters.
            self.rivalled_at = Some(Instant::now());
        }
        Some(Again::Rest(rest))
    }

    /// A group that could not be decided is tried again as long as that may help.
    async fn failed(
        &mut self,
        group: Vec<Waiting>,
        error: StoreError,
        retry: &mut Retry,
    ) -> Option<Again> {
        self.counters = Counters::new(&self.business);
        match retry.after(error).await {
            Ok(()) => Some(Again::Rest(group)),
            Err(error) => {
                answer_all(group, |_| Err(error.clone().into()));
                None
            }
        }
    }
}

impl Waiting {
    fn answer(self, answer: Result<Posted, Error>) {
        // A caller that gave up no longer listens; its change stands nevertheless.
        let _ = self.answer.send(answer);
    }
}

fn answer_all(group: Vec<Waiting>, mut answer: impl FnMut(&Change) -> Result<Posted, Error>) {
    for waiting in group {
        let answer = answer(&waiting.change);
        waiting.answer(answer);
    }
}

/// Leaves out the change that the store finds invalid; when the store names no document, halving
/// finds it.
fn exclude(group: Vec<Waiting>, key: &Key, error: &StoreError) -> Option<Again> {
    if group.len() == 1 {
        answer_all(group, |_| Err(error.clone().into()));
        return None;
    }
    let (at_fault, mut rest): (Vec<_>, Vec<_>) =
        group.into_iter().partition(|it| it.change.writes.iter().any(|write| write.key == *key));
    if at_fault.is_empty() {
        let second = rest.split_off(rest.len() / 2);
        return Some(Again::Halves(rest, second));
    }
    answer_all(at_fault, |_| Err(error.clone().into()));
    Some(Again::Rest(rest))
}

/// The outcome of a change, read from its documents: `None` while they are unchanged.
fn fate(writes: &[Write], found: &HashMap<Key, Document>) -> Option<Posted> {
    let untouched = writes.iter().all(|write| {
        let version = found.get(&write.key).map(|document| document.version);
        match write.precondition {
            Precondition::Absent => version.is_none(),
            Precondition::Version(expected) => version == Some(expected),
            // Whatever state it is in, it is one that this change may meet.
            Precondition::Exists => version.is_some(),
        }
    });
    if untouched {
        return None;
    }
    let own: Option<Vec<Version>> = writes
        .iter()
        .map(|write| {
            let document = found.get(&write.key)?;
            matches!(&write.change, Stored::Replace(body) if *body == document.body)
                .then_some(document.version)
        })
        .collect();
    Some(own.map_or(Posted::Overtaken, Posted::Stored))
}

/// The waiting changes that fit in one commit, and the rest. Two changes of the same document take
/// two commits.
fn one_commit(waiting: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let (mut group, mut rest) = (Vec::new(), Vec::new());
    let (mut writes, mut size) = (RESERVED_WRITES, RESERVED_BYTES);
    let mut keys = HashSet::new();
    for one in waiting {
        let own = &one.change.writes;
        let own_size: usize = own.iter().map(bytes).sum();
        let fits = writes + own.len() <= MAX_WRITES && size + own_size <= MAX_COMMIT_BYTES;
        if (fits || group.is_empty()) && own.iter().all(|write| !keys.contains(&write.key)) {
            keys.extend(own.iter().map(|write| write.key.clone()));
            (writes, size) = (writes + own.len(), size + own_size);
            group.push(one);
        } else {
            rest.push(one);
        }
    }
    (group, rest)
}
