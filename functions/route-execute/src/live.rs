//! The stream of an answer while it is generated.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ports::ExecuteResponse;
use service::Problem;
use tokio::sync::mpsc;

/// Where the words go as they come; off for calls that want the answer whole.
#[derive(Clone, Default)]
pub(crate) struct Live(Option<Arc<Words>>);

struct Words {
    sender: mpsc::UnboundedSender<Show>,
    shown: AtomicBool,
}

impl Live {
    pub(crate) fn on() -> (Self, mpsc::UnboundedReceiver<Show>) {
        // Unbounded: an answer is bounded by its tokens, and a slow client must not slow the
        // provider's meter.
        let (sender, words) = mpsc::unbounded_channel();
        (Self(Some(Arc::new(Words { sender, shown: AtomicBool::new(false) }))), words)
    }

    /// Whether a client is listening.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether words were streamed: then no other model can start from the beginning.
    pub(crate) fn has_shown(&self) -> bool {
        self.0.as_ref().is_some_and(|words| words.shown.load(Ordering::Relaxed))
    }

    /// Shows some words, as what they are.
    pub(crate) fn show(&self, text: String, kind: fn(String) -> Show) {
        if let Some(words) = self.0.as_ref().filter(|_| !text.is_empty()) {
            words.shown.store(true, Ordering::Relaxed);
            // A disconnected client is noticed elsewhere.
            let _ = words.sender.send(kind(text));
        }
    }
}

/// The stream events of a client, in order: words, then how the answer ended.
pub(crate) enum Show {
    /// The next words of the answer.
    Words(String),
    /// More words of a model that will not answer.
    Refusal(String),
    /// The settled answer.
    Done(Box<ExecuteResponse>),
    /// No complete answer, although words may have been streamed.
    Failed(Problem),
}
