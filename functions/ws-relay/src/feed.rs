//! One watch a task and instance, shared by all its viewers: a listen each would be paid by the
//! viewer.

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

/// What a watch brings.
pub(crate) type News = Result<Arc<[Event]>, StoreError>;

/// More than a task's phases write while a viewer is being served; who falls behind reads the log
/// again.
const BACKLOG: usize = 256;
/// More events than a task ever has.
const MOST_EVENTS: usize = 100_000;

/// The watches of this instance, by task. A watch ends with its last viewer.
#[derive(Clone, Default)]
pub struct Feeds(Arc<Mutex<HashMap<TaskId, Sender<News>>>>);

/// Everything in a task's log behind a position, in order.
pub(crate) fn behind(task: &TaskId, seq: u64) -> Query {
    Query::collection(events_collection(task))
        .filter("seq", Comparison::Greater, seq)
        .order("seq", Direction::Ascending)
        .limit(MOST_EVENTS)
}

impl Feeds {
    /// Hears of everything in a task's log that is committed from now on. `known` is a position
    /// that the log has reached: what lies before it is for the viewer to read, after it has
    /// joined.
    pub(crate) fn join(
        &self,
        documents: &Arc<dyn Documents>,
        task: &TaskId,
        known: u64,
    ) -> Receiver<News> {
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

    /// Forgets a feed that nobody hears; `false` while somebody does.
    fn leave(&self, task: &TaskId, sender: &Sender<News>) -> bool {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody joins: whoever came before it is counted.
        let is_over = sender.receiver_count() == 0;
        if is_over {
            feeds.remove(task);
        }
        is_over
    }

    /// How many tasks are watched.
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
    sender: Sender<News>,
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
            // Whoever joins now gets a new watch; whoever hears this one is told that it is over.
            feeds.end(&task);
        }
        // An error to send means that nobody is there, and the next turn finds that out.
        let _ = sender.send(events);
        if is_over {
            return;
        }
    }
}
