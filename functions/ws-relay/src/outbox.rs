//! Frames queued for a slow viewer: progress is coalesced, transitions are never dropped.

use std::collections::VecDeque;

use domain::event::Event;

/// The most frames in the queue.
const CAPACITY: usize = 64;

/// A viewer's queue.
#[derive(Default)]
pub(crate) struct Outbox(VecDeque<Event>);

/// The error for a queue that is full of frames which must not be dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Outbox {
    /// Queues a frame. In a full queue it replaces the oldest progress that a newer one of its kind
    /// outdates.
    pub(crate) fn push(&mut self, event: Event) -> Result<(), Overflow> {
        if self.0.len() >= CAPACITY {
            let outdated = (0..self.0.len()).find(|index| {
                let old = &self.0[*index];
                let newer = self.0.range(index + 1..).chain([&event]);
                old.event.is_progress() && newer.into_iter().any(|newer| newer.event == old.event)
            });
            self.0.remove(outdated.ok_or(Overflow)?);
        }
        self.0.push_back(event);
        Ok(())
    }

    /// The next frame to send.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front()
    }

    /// Empties the queue before a resume.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use domain::{TaskId, Time, event::EventKind};

    use super::*;

    fn event(seq: u64, kind: EventKind) -> Event {
        let task_id = TaskId::new("t").unwrap();
        Event {
            seq,
            task_id,
            event: kind,
            data: serde_json::Value::Null,
            timestamp: Time::from_unix_ms(0),
        }
    }

    #[test]
    fn a_full_queue_drops_outdated_progress_only() {
        let mut outbox = Outbox::default();
        outbox.push(event(1, EventKind::ArtifactReady)).unwrap();
        for seq in 2..=200 {
            outbox.push(event(seq, EventKind::ResearchProgress)).unwrap();
        }
        let left: Vec<u64> = std::iter::from_fn(|| outbox.pop()).map(|event| event.seq).collect();
        assert_eq!((left.len(), left[0], left[63]), (64, 1, 200));
        assert!(left.is_sorted());
    }

    #[test]
    fn a_queue_full_of_transitions_overflows() {
        let mut outbox = Outbox::default();
        for seq in 1..=64 {
            outbox.push(event(seq, EventKind::ArtifactReady)).unwrap();
        }
        assert_eq!(outbox.push(event(65, EventKind::TaskCompleted)), Err(Overflow));
    }
}
