//! Events within one process, delivered the way Pub/Sub pushes them: as requests to
//! `/push/{topic}`, at least once.

mod delivery;

use std::sync::Arc;

use async_trait::async_trait;
use domain::Time;
use ports::{BusError, Clock, EventBus, Message};
use tokio::sync::mpsc;

pub use delivery::{DEAD_LETTER_TOPIC, Delivery};

/// The publishing end; clones share it. Messages are held in memory: after a restart the sweep
/// wakes the tasks that wait.
#[derive(Clone)]
pub struct Bus {
    queue: mpsc::UnboundedSender<Published>,
    clock: Arc<dyn Clock>,
}

/// A message with its delivery data.
struct Published {
    id: String,
    time: Time,
    message: Message,
}

impl Bus {
    /// A bus, and the delivery that pushes its messages once it runs.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, Delivery) {
        let (queue, messages) = mpsc::unbounded_channel();
        let bus = Self { queue, clock };
        (bus.clone(), Delivery { bus, messages })
    }

    fn send(&self, message: Message) -> Result<(), BusError> {
        let id = uuid::Uuid::new_v4().to_string();
        let published = Published { id, time: self.clock.now(), message };
        self.queue.send(published).map_err(|_| BusError("the delivery has ended".into()))
    }
}

#[async_trait]
impl EventBus for Bus {
    async fn publish(&self, message: Message) -> Result<(), BusError> {
        self.send(message)
    }
}

#[cfg(test)]
mod tests;
