//! The tail of a task's log: every event after a position, in order, each once.

use std::collections::BTreeMap;

use domain::{TaskId, event::Event};
use futures::{Stream, StreamExt as _, stream};
use ports::{
    Documents, Query, StoreError,
    documents::{Comparison, Direction},
};
use workflow::documents::events_collection;

/// More events than a task ever has.
const MOST_EVENTS: usize = 100_000;

/// Puts what arrives (repeated, in batches, perhaps out of order) into sequence.
struct Sequence {
    next: u64,
    early: BTreeMap<u64, Event>,
}

impl Sequence {
    fn take(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Event> {
        for event in events {
            if event.seq >= self.next {
                self.early.insert(event.seq, event);
            }
        }
        let mut ready = Vec::new();
        while let Some(event) = self.early.remove(&self.next) {
            self.next += 1;
            ready.push(event);
        }
        ready
    }
}

/// Follows a task's log from behind `after`.
pub(crate) fn tail(
    documents: &dyn Documents,
    task: &TaskId,
    after: u64,
) -> impl Stream<Item = Result<Event, StoreError>> + Send + use<> {
    let query = Query::collection(events_collection(task))
        .filter("seq", Comparison::Greater, after)
        .order("seq", Direction::Ascending)
        .limit(MOST_EVENTS);
    let mut sequence = Sequence { next: after + 1, early: BTreeMap::new() };
    let batches = documents.watch(query).map(move |batch| {
        let events: Result<Vec<Event>, StoreError> =
            batch.and_then(|documents| documents.iter().map(ports::Document::read).collect());
        match events {
            Ok(events) => sequence.take(events).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    });
    batches.flat_map(stream::iter)
}

#[cfg(test)]
mod tests {
    use domain::{Time, event::EventKind};

    use super::*;

    fn event(seq: u64) -> Event {
        Event {
            seq,
            task_id: TaskId::new("t").unwrap(),
            event: EventKind::TaskStarted,
            data: serde_json::Value::Null,
            timestamp: Time::from_unix_ms(0),
        }
    }

    #[test]
    fn repeats_and_gaps_in_what_arrives_never_reach_the_viewer() {
        let mut sequence = Sequence { next: 3, early: BTreeMap::new() };
        let mut take = |seqs: &[u64]| {
            let ready = sequence.take(seqs.iter().map(|seq| event(*seq)));
            ready.iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        assert_eq!(take(&[1, 2, 5]), Vec::<u64>::new());
        assert_eq!(take(&[3, 4, 3]), [3, 4, 5]);
        assert_eq!(take(&[4, 5, 6]), [6]);
    }
}
