//! One watch per task and instance, shared by all its viewers, because Firestore bills every
//! listener.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{TaskId, event::Event};
use futures::StreamExt as _;
use ports::{
    Documents, Query, StoreError,
    documents::{Comparison, Direction},
};
use tokio::sync::broadcast::{self, Receiver, Sender};
use workflow::documents::events_collection;

/// The news of a watch: committed events, or the error that ended it.
pub(crate) type WatchUpdate = Result<Arc<[Event]>, StoreError>;

/// Events buffered per viewer: more than a task's phases write while a viewer is being served. A
/// viewer that falls behind reads the log again.
const BACKLOG: usize = 256;
/// The most events read at once: more than a task ever has.
const MOST_EVENTS: usize = 100_000;

/// The watches of this instance, by task. A watch ends with its last viewer.
#[derive(Clone, Default)]
pub struct Feeds(Arc<Mutex<HashMap<TaskId, Sender<WatchUpdate>>>>);

/// The query for everything in a task's log after a sequence number, in order.
pub(crate) fn behind(task: &TaskId, seq: u64) -> Query {
    Query::collection(events_collection(task))
        .filter("seq", Comparison::Greater, seq)
        .order("seq", Direction::Ascending)
        .limit(MOST_EVENTS)
}

impl Feeds {
    /// Subscribes to everything committed to a task's log from now on. `known` is a sequence number
    /// that the log has reached: the viewer reads earlier events itself, after joining.
    pub(crate) fn join(
        &self,
        documents: &Arc<dyn Documents>,
        task: &TaskId,
        known: u64,
    ) -> Receiver<WatchUpdate> {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(task) {
            return feed.subscribe();
        }
        let (sender, receiver) = broadcast::channel(BACKLOG);
        feeds.insert(task.clone(), sender.clone());
        tokio::spawn(follow(
            self.clone(),
            documents.watch(behind(task, known)),
            task.clone(),
            sender,
        ));
        receiver
    }

    /// Removes a feed without viewers; `false` while it has any.
    fn leave(&self, task: &TaskId, sender: &Sender<WatchUpdate>) -> bool {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody can join while the lock is held, so the count includes everyone.
        let is_over = sender.receiver_count() == 0;
        if is_over {
            feeds.remove(task);
        }
        is_over
    }

    /// The number of watched tasks.
    #[cfg(test)]
    pub(crate) fn watched(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn end(&self, task: &TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
    }
}

async fn follow(
    feeds: Feeds,
    mut batches: futures::stream::BoxStream<'static, ports::documents::Batch>,
    task: TaskId,
    sender: Sender<WatchUpdate>,
) {
    loop {
        let batch = tokio::select! {
            () = sender.closed() => {
                if feeds.leave(&task, &sender) {
                    return;
                }
                continue;
            }
            batch = batches.next() => batch,
        };
        let batch = batch.unwrap_or_else(|| Err(StoreError::Unavailable("the watch ended".into())));
        let events =
            batch.and_then(|documents| documents.iter().map(ports::Document::read).collect());
        let is_over = events.is_err();
        if is_over {
            // New viewers get a new watch; viewers of this one learn that it ended.
            feeds.end(&task);
        }
        // Sending fails only without viewers, which the next turn notices.
        let _ = sender.send(events);
        if is_over {
            return;
        }
    }
}
