//! A bus that records published messages and can lose, repeat or refuse them.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use ports::{BusError, EventBus, Message};

/// A fault of the bus for one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum BusFault {
    /// Accepted and lost.
    Drop,
    /// Recorded twice.
    Repeat,
    /// Refused with an error.
    Fail,
}

/// Records published messages, which the test can inspect and deliver.
#[derive(Debug, Default)]
pub struct RecordingBus(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    mishap: Option<(BusFault, usize)>,
}

impl RecordingBus {
    /// A bus without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts the next `count` messages and loses them.
    pub fn drop_next(&self, count: usize) {
        self.state().mishap = Some((BusFault::Drop, count));
    }

    /// Records each of the next `count` messages twice.
    pub fn repeat_next(&self, count: usize) {
        self.state().mishap = Some((BusFault::Repeat, count));
    }

    /// Refuses the next `count` messages.
    pub fn fail_next(&self, count: usize) {
        self.state().mishap = Some((BusFault::Fail, count));
    }

    /// All recorded messages, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.state().messages.clone()
    }

    /// The messages recorded since the last call, oldest first.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.state().messages)
    }

    /// The recorded messages of one topic.
    pub fn of_topic(&self, topic: &str) -> Vec<Message> {
        self.messages().into_iter().filter(|message| message.topic == topic).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl EventBus for RecordingBus {
    async fn publish(&self, message: Message) -> Result<(), BusError> {
        let mut state = self.state();
        let mishap = match &mut state.mishap {
            Some((mishap, left)) if *left > 0 => {
                *left -= 1;
                Some(*mishap)
            }
            _ => None,
        };
        match mishap {
            None => state.messages.push(message),
            Some(BusFault::Repeat) => state.messages.extend([message.clone(), message]),
            Some(BusFault::Drop) => {}
            Some(BusFault::Fail) => return Err(BusError("injected".into())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(data: &str) -> Message {
        Message { topic: "phase-research".into(), data: data.into(), attributes: [].into() }
    }

    #[tokio::test]
    async fn messages_are_delivered_lost_repeated_or_refused() {
        let bus = RecordingBus::new();
        bus.publish(message("kept")).await.unwrap();
        bus.drop_next(1);
        bus.publish(message("lost")).await.unwrap();
        bus.repeat_next(1);
        bus.publish(message("twice")).await.unwrap();
        bus.fail_next(1);
        assert!(bus.publish(message("refused")).await.is_err());
        bus.publish(message("last")).await.unwrap();

        let data: Vec<_> = bus.take().into_iter().map(|message| message.data).collect();
        assert_eq!(data, ["kept", "twice", "twice", "last"]);
        assert!(bus.messages().is_empty());
    }
}
