//! The tail of a task's log: every event after a sequence number, in order, each once.

use std::{collections::BTreeMap, sync::Arc};

use domain::{TaskId, event::Event};
use futures::{Stream, StreamExt as _, stream};
use ports::{Documents, StoreError};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::feed::{Feeds, WatchUpdate, behind};

/// Sorts arriving events, which may be repeated, batched or out of order, into sequence.
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

/// A viewer's position in a task's log.
struct Tail {
    documents: Arc<dyn Documents>,
    task: TaskId,
    sequence: Sequence,
    news: Receiver<WatchUpdate>,
    /// Whether the log must be read up to now: at the start and after falling behind.
    reads_log: bool,
}

impl Tail {
    /// The next events, or the error that ends the tail.
    async fn next(&mut self) -> Result<Vec<Event>, StoreError> {
        loop {
            let from_log = std::mem::take(&mut self.reads_log);
            let events: Vec<Event> = if from_log {
                let log = self.documents.query(&behind(&self.task, self.sequence.next - 1)).await?;
                log.iter().map(ports::Document::read).collect::<Result<_, _>>()?
            } else {
                match self.news.recv().await {
                    Ok(news) => news?.to_vec(),
                    Err(RecvError::Lagged(_)) => {
                        self.reads_log = true;
                        continue;
                    }
                    Err(RecvError::Closed) => {
                        return Err(StoreError::Unavailable("the watch ended".into()));
                    }
                }
            };
            let ready = self.sequence.take(events);
            // An event that is ahead of sequence means that another was missed or is late: the log
            // has it.
            self.reads_log = !from_log && !self.sequence.early.is_empty();
            if !ready.is_empty() {
                return Ok(ready);
            }
        }
    }
}

/// Follows a task's log after `after`; `last_seq` is the sequence number that the log has reached.
pub(crate) fn tail(
    documents: &Arc<dyn Documents>,
    feeds: &Feeds,
    task: &TaskId,
    last_seq: u64,
    after: u64,
) -> impl Stream<Item = Result<Event, StoreError>> + Send + use<> {
    // Joined before the log is read, so that what is committed in between is in both; repeats are
    // removed.
    let news = feeds.join(documents, task, last_seq);
    let sequence = Sequence { next: after + 1, early: BTreeMap::new() };
    let tail =
        Tail { documents: documents.clone(), task: task.clone(), sequence, news, reads_log: true };
    let batches = stream::unfold(Some(tail), |tail| async {
        let mut tail = tail?;
        match tail.next().await {
            Ok(events) => Some((events.into_iter().map(Ok).collect(), Some(tail))),
            Err(error) => Some((vec![Err(error)], None)),
        }
    });
    batches.flat_map(stream::iter)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use async_trait::async_trait;
    use domain::{Time, event::EventKind};
    use futures::stream::BoxStream;
    use ports::{Document, Key, Query, Version, Write, documents::Batch};
    use testkit::MemoryDocuments;
    use tokio::sync::Notify;

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

    /// Counts the watches of a store, and can break them.
    struct CountingStore(MemoryDocuments, AtomicUsize, Arc<Notify>);

    #[async_trait]
    impl Documents for CountingStore {
        async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
            self.0.get(keys).await
        }

        async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
            self.0.commit(writes).await
        }

        async fn query(&self, query: &Query) -> Result<Vec<Document>, StoreError> {
            self.0.query(query).await
        }

        fn watch(&self, query: Query) -> BoxStream<'static, Batch> {
            self.1.fetch_add(1, Ordering::SeqCst);
            let broken = self.2.clone();
            let end = stream::once(async move {
                broken.notified().await;
                Err(StoreError::Unavailable("the connection broke".into()))
            });
            stream::select(self.0.watch(query), end).boxed()
        }
    }

    struct World {
        counted: Arc<CountingStore>,
        documents: Arc<dyn Documents>,
        feeds: Feeds,
        task: TaskId,
    }

    impl World {
        fn new() -> Self {
            let counted = Arc::new(CountingStore(
                MemoryDocuments::new(),
                AtomicUsize::new(0),
                Arc::default(),
            ));
            Self {
                documents: counted.clone(),
                counted,
                feeds: Feeds::default(),
                task: TaskId::new("t").unwrap(),
            }
        }

        async fn write(&self, seqs: std::ops::RangeInclusive<u64>) {
            for seq in seqs {
                let key = Key::new("tasks/t/events", format!("{seq:010}"));
                self.documents
                    .commit(vec![Write::create(key, &event(seq)).unwrap()])
                    .await
                    .unwrap();
            }
        }

        fn watches(&self) -> usize {
            self.counted.1.load(Ordering::SeqCst)
        }

        fn viewer(
            &self,
            last_seq: u64,
            after: u64,
        ) -> Pin<Box<impl Stream<Item = Result<Event, StoreError>> + use<>>> {
            Box::pin(tail(&self.documents, &self.feeds, &self.task, last_seq, after))
        }
    }

    async fn read(
        viewer: &mut (impl Stream<Item = Result<Event, StoreError>> + Unpin),
        count: usize,
    ) -> Vec<u64> {
        viewer.take(count).map(|event| event.unwrap().seq).collect().await
    }

    #[tokio::test]
    async fn viewers_of_a_task_share_one_watch() {
        let world = World::new();
        world.write(1..=5).await;
        let (mut whole, mut rest) = (world.viewer(5, 0), world.viewer(5, 3));
        assert_eq!(read(&mut whole, 5).await, [1, 2, 3, 4, 5]);
        world.write(6..=7).await;
        let mut late = world.viewer(7, 6);
        assert_eq!(read(&mut whole, 2).await, [6, 7]);
        assert_eq!(read(&mut rest, 4).await, [4, 5, 6, 7]);
        world.write(8..=9).await;
        assert_eq!(read(&mut late, 3).await, [7, 8, 9]);
        assert_eq!(read(&mut rest, 2).await, [8, 9]);
        assert_eq!(world.watches(), 1);
    }

    #[tokio::test]
    async fn a_watch_ends_with_its_last_viewer() {
        let world = World::new();
        world.write(1..=1).await;
        let (first, second) = (world.viewer(1, 0), world.viewer(1, 0));
        drop(first);
        assert_eq!(world.feeds.watched(), 1);
        drop(second);
        while world.feeds.watched() > 0 {
            tokio::task::yield_now().await;
        }
        let mut third = world.viewer(1, 0);
        world.write(2..=2).await;
        assert_eq!((read(&mut third, 2).await, world.watches()), (vec![1, 2], 2));
    }

    #[tokio::test]
    async fn a_viewer_that_fell_behind_reads_the_log_again() {
        let world = World::new();
        let (mut slow, mut quick) = (world.viewer(0, 0), world.viewer(0, 0));
        world.write(1..=1).await;
        assert_eq!((read(&mut slow, 1).await, read(&mut quick, 1).await), (vec![1], vec![1]));
        for seq in 2..=600 {
            world.write(seq..=seq).await;
            // The fast viewer drives the watch event by event; the slow one does not read.
            assert_eq!(read(&mut quick, 1).await, [seq]);
        }
        assert_eq!(read(&mut slow, 599).await, (2..=600).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_failed_watch_disconnects_its_viewers() {
        let world = World::new();
        world.write(1..=1).await;
        let mut viewer = world.viewer(1, 0);
        assert_eq!(read(&mut viewer, 1).await, [1]);
        world.counted.2.notify_one();
        assert!(matches!(viewer.next().await, Some(Err(StoreError::Unavailable(_)))));
        assert!(viewer.next().await.is_none());
        assert_eq!(read(&mut world.viewer(1, 0), 1).await, [1]);
        assert_eq!(world.watches(), 2);
    }

    #[test]
    fn repeats_and_gaps_never_reach_the_viewer() {
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
