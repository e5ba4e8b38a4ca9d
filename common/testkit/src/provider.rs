//! A model provider that reads its answers, streams and background calls from a script.

mod background;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use domain::usage::Usage;
use futures::{StreamExt as _, stream};
use ports::{
    BackgroundCalls, Billing, ModelAnswer, ModelProvider, ModelRequest, NextMove, Piece, Pieces,
    ProviderError, whole,
};

use background::Background;
pub use background::{BackgroundRequest, forgotten};

/// A finished answer of 100 input and 50 output tokens, served by the model `model`.
pub fn answer(model: &str, text: impl Into<String>) -> ModelAnswer {
    ModelAnswer::text(model, text, Some(Usage::of(100, 50)))
}

/// A failed attempt with this code; `billing` says whether it may have been billed.
pub fn failure(code: &str, next: NextMove, billing: Billing) -> ProviderError {
    ProviderError {
        code: code.into(),
        message: format!("scripted failure `{code}`"),
        next,
        billing,
    }
}

/// One step of a scripted stream.
#[derive(Clone, PartialEq, Debug)]
pub enum Beat {
    /// Sends a piece.
    Piece(Piece),
    /// Pauses for this long.
    Wait(Duration),
    /// Breaks the stream off with this error.
    Fail(ProviderError),
    /// Sends nothing more and never ends.
    Hang,
}

impl Beat {
    /// A step that sends text.
    pub fn text(text: &str) -> Self {
        Self::Piece(Piece::Text(text.into()))
    }

    /// A step that sends the complete answer.
    pub fn answer(answer: ModelAnswer) -> Self {
        Self::Piece(Piece::Answer(answer.into()))
    }
}

type Scripted = Result<ModelAnswer, ProviderError>;

enum Entry {
    Whole(Scripted),
    Stream(Vec<Beat>),
}

type Responder = Box<dyn Fn(&ModelRequest) -> Scripted + Send + Sync>;

/// Answers from its script in order, then from its responder, and records every request.
pub struct ScriptedProvider {
    name: String,
    delay: Duration,
    responder: Option<Responder>,
    background: Option<Background>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    script: VecDeque<Entry>,
    asked: Vec<ModelRequest>,
}

impl ScriptedProvider {
    /// A provider with an empty script: requests fail with `script_over` until something is added.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            delay: Duration::ZERO,
            responder: None,
            background: None,
            state: Mutex::default(),
        }
    }

    /// Adds an answer to the script.
    #[must_use]
    pub fn then(self, answer: ModelAnswer) -> Self {
        self.push(Ok(answer));
        self
    }

    /// Adds a failure to the script.
    #[must_use]
    pub fn then_fail(self, error: ProviderError) -> Self {
        self.push(Err(error));
        self
    }

    /// Adds a stream to the script. A stream whose last step is neither answer nor failure just
    /// ends.
    #[must_use]
    pub fn then_stream(self, beats: impl IntoIterator<Item = Beat>) -> Self {
        self.state().script.push_back(Entry::Stream(beats.into_iter().collect()));
        self
    }

    /// Answers requests that the script does not cover.
    #[must_use]
    pub fn otherwise(
        mut self,
        respond: impl Fn(&ModelRequest) -> Scripted + Send + Sync + 'static,
    ) -> Self {
        self.responder = Some(Box::new(respond));
        self
    }

    /// Waits this long before each answer.
    #[must_use]
    pub fn taking(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds to the script while the provider is in use.
    pub fn push(&self, scripted: Scripted) {
        self.state().script.push_back(Entry::Whole(scripted));
    }

    /// All requests so far, oldest first, including abandoned ones.
    pub fn asked(&self) -> Vec<ModelRequest> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next entry of the script, or the responder's answer.
    async fn next(&self, request: &ModelRequest) -> Entry {
        let entry = {
            let mut state = self.state();
            state.asked.push(request.clone());
            state.script.pop_front()
        };
        tokio::time::sleep(self.delay).await;
        entry.unwrap_or_else(|| {
            let over = || Err(failure("script_over", NextMove::Stop, Billing::None));
            Entry::Whole(self.responder.as_ref().map_or_else(over, |respond| respond(request)))
        })
    }
}

#[async_trait]
impl ModelProvider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    async fn generate(&self, request: &ModelRequest) -> Scripted {
        match self.next(request).await {
            Entry::Whole(scripted) => scripted,
            Entry::Stream(beats) => last(played(beats)).await,
        }
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        match self.next(request).await {
            Entry::Whole(scripted) => scripted.map(whole),
            Entry::Stream(beats) => Ok(played(beats)),
        }
    }

    fn background(&self) -> Option<&dyn BackgroundCalls> {
        self.background.is_some().then_some(self)
    }
}

fn played(beats: Vec<Beat>) -> Pieces {
    let pieces = stream::iter(beats).filter_map(async |beat| match beat {
        Beat::Piece(piece) => Some(Ok(piece)),
        Beat::Fail(error) => Some(Err(error)),
        Beat::Wait(duration) => {
            tokio::time::sleep(duration).await;
            None
        }
        Beat::Hang => std::future::pending().await,
    });
    pieces.boxed()
}

/// Reads a stream to its end.
async fn last(mut pieces: Pieces) -> Scripted {
    while let Some(piece) = pieces.next().await {
        if let Piece::Answer(answer) = piece? {
            return Ok(*answer);
        }
    }
    Err(failure("stream_cut", NextMove::NextModel, Billing::Unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content: &str) -> ModelRequest {
        let message = ports::ModelMessage::text(ports::MessageRole::User, content);
        ModelRequest::new("m", "sentence_summary", vec![message], 100)
    }

    #[tokio::test]
    async fn the_script_comes_first_then_the_responder() {
        let overloaded = failure("unavailable", NextMove::NextModel, Billing::None);
        let provider = ScriptedProvider::new("openai")
            .then(answer("m", "one"))
            .then_fail(overloaded.clone())
            .otherwise(|request| Ok(answer(&request.model, request.messages[0].content.clone())));
        let mut answers = Vec::new();
        for content in ["a", "b", "c"] {
            answers.push(provider.generate(&request(content)).await.map(|answer| answer.text));
        }
        assert_eq!(answers, [Ok("one".into()), Err(overloaded), Ok("c".into())]);
        assert_eq!(provider.asked().len(), 3);
    }

    #[tokio::test]
    async fn without_a_script_every_request_fails() {
        let error = ScriptedProvider::new("openai").generate(&request("a")).await.unwrap_err();
        assert_eq!(error.code, "script_over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_scripted_stream_is_played_in_steps() {
        let lost = failure("stream_cut", NextMove::NextModel, Billing::Unknown);
        let provider = ScriptedProvider::new("openai")
            .then_stream([
                Beat::text("a"),
                Beat::Wait(Duration::from_secs(5)),
                Beat::answer(answer("m", "ab")),
            ])
            .then_stream([Beat::text("a"), Beat::Fail(lost.clone())])
            .then_stream([Beat::text("a")])
            .then_stream([Beat::text("a"), Beat::Hang]);
        let begun = tokio::time::Instant::now();
        let pieces: Vec<_> = provider.stream(&request("")).await.unwrap().collect().await;
        assert_eq!(
            pieces,
            [Ok(Piece::Text("a".into())), Ok(Piece::Answer(answer("m", "ab").into()))]
        );
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        assert_eq!(provider.generate(&request("")).await, Err(lost));
        let pieces: Vec<_> = provider.stream(&request("")).await.unwrap().collect().await;
        assert_eq!(pieces, [Ok(Piece::Text("a".into()))]);
        let unanswered = request("");
        let hanging = provider.generate(&unanswered);
        assert!(tokio::time::timeout(Duration::from_hours(1), hanging).await.is_err());
    }
}
