//! A model provider that reads its answers from a script.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use domain::usage::Usage;
use ports::{Billing, ModelAnswer, ModelProvider, ModelRequest, NextMove, Pieces, ProviderError, whole};

/// A finished answer of 100 input and 50 output tokens, served by the model `model`.
pub fn answer(model: &str, text: impl Into<String>) -> ModelAnswer {
    ModelAnswer::text(model, text, Some(Usage::of(100, 50)))
}

/// A failed attempt with this code; whether it may have cost money follows `billing`.
pub fn failure(code: &str, next: NextMove, billing: Billing) -> ProviderError {
    ProviderError { code: code.into(), message: format!("scripted failure `{code}`"), next, billing }
}

type Scripted = Result<ModelAnswer, ProviderError>;
type Responder = Box<dyn Fn(&ModelRequest) -> Scripted + Send + Sync>;

/// Answers in the order of its script, then by its responder, and records every request.
pub struct ScriptedProvider {
    name: String,
    delay: Duration,
    responder: Option<Responder>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    script: VecDeque<Scripted>,
    asked: Vec<ModelRequest>,
}

impl ScriptedProvider {
    /// A provider with an empty script: every request fails with `script_over` until it is told otherwise.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), delay: Duration::ZERO, responder: None, state: Mutex::default() }
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

    /// Answers whatever the script does not cover.
    #[must_use]
    pub fn otherwise(mut self, respond: impl Fn(&ModelRequest) -> Scripted + Send + Sync + 'static) -> Self {
        self.responder = Some(Box::new(respond));
        self
    }

    /// Takes this long for each answer.
    #[must_use]
    pub fn taking(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds to the script while the provider is in use.
    pub fn push(&self, scripted: Scripted) {
        self.state().script.push_back(scripted);
    }

    /// Every request so far, oldest first; abandoned ones included.
    pub fn asked(&self) -> Vec<ModelRequest> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

#[async_trait]
impl ModelProvider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    async fn generate(&self, request: &ModelRequest) -> Scripted {
        let scripted = {
            let mut state = self.state();
            state.asked.push(request.clone());
            state.script.pop_front()
        };
        tokio::time::sleep(self.delay).await;
        match (scripted, &self.responder) {
            (Some(scripted), _) => scripted,
            (None, Some(respond)) => respond(request),
            (None, None) => Err(failure("script_over", NextMove::Stop, Billing::None)),
        }
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        self.generate(request).await.map(whole)
    }
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
}
