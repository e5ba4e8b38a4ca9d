//! An answer shown while it is generated.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{Stream, StreamExt as _, stream};
use ports::ExecuteResponse;
use service::Problem;
use tokio::sync::mpsc;

use crate::{
    AppState,
    call::{self, Asked},
};

/// Where the words go as they come; off for calls that want the answer whole.
#[derive(Clone, Default)]
pub(crate) struct Live(Option<Arc<Words>>);

struct Words {
    sender: mpsc::UnboundedSender<Show>,
    shown: AtomicBool,
}

impl Live {
    fn on() -> (Self, mpsc::UnboundedReceiver<Show>) {
        // Unbounded: an answer is bounded by its tokens, and a slow client must not slow the
        // provider's meter.
        let (sender, words) = mpsc::unbounded_channel();
        (Self(Some(Arc::new(Words { sender, shown: AtomicBool::new(false) }))), words)
    }

    /// Whether anybody watches.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether words were shown: then no other model can start again from the beginning.
    pub(crate) fn has_shown(&self) -> bool {
        self.0.as_ref().is_some_and(|words| words.shown.load(Ordering::Relaxed))
    }

    /// Shows some words, as what they are.
    pub(crate) fn show(&self, text: String, kind: fn(String) -> Show) {
        if let Some(words) = self.0.as_ref().filter(|_| !text.is_empty()) {
            words.shown.store(true, Ordering::Relaxed);
            // A client that hung up is noticed elsewhere.
            let _ = words.sender.send(kind(text));
        }
    }
}

/// What a watching client gets, in order: words, then how it ended.
pub(crate) enum Show {
    /// More words.
    Words(String),
    /// More words of a model that will not answer.
    Refusal(String),
    /// The settled answer.
    Done(Box<ExecuteResponse>),
    /// No whole answer, although words may have been shown.
    Failed(Problem),
}

type Made = Pin<Box<dyn Future<Output = Result<ExecuteResponse, Problem>> + Send>>;

struct Watched {
    words: mpsc::UnboundedReceiver<Show>,
    made: Option<Made>,
    end: Option<Result<ExecuteResponse, Problem>>,
}

impl Watched {
    async fn next(&mut self) -> Option<Show> {
        if let Some(made) = &mut self.made {
            tokio::select! {
                biased;
                Some(words) = self.words.recv() => return Some(words),
                end = made => {
                    self.made = None;
                    self.end = Some(end);
                }
            }
        }
        if let Ok(words) = self.words.try_recv() {
            return Some(words);
        }
        Some(match self.end.take()? {
            Ok(response) => Show::Done(Box::new(response)),
            Err(problem) => Show::Failed(problem),
        })
    }
}

/// Makes a call and shows it while it is made. What is refused before a word was shown is an error
/// of the request, not of the stream. Dropping the stream is hanging up.
pub(crate) async fn watch(
    state: Arc<AppState>,
    asked: Asked,
) -> Result<impl Stream<Item = Show> + Send + 'static, Problem> {
    let (live, words) = Live::on();
    let made: Made =
        Box::pin(service::in_trace(async move { call::make(&state, asked, live).await }));
    let mut watched = Watched { words, made: Some(made), end: None };
    let first = match watched.next().await {
        Some(Show::Failed(problem)) => return Err(problem),
        first => stream::iter(first),
    };
    Ok(first.chain(stream::unfold(watched, async |mut watched| {
        watched.next().await.map(|show| (show, watched))
    })))
}
