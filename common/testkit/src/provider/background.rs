//! Scripted background calls, which continue without a connection.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use ports::{BackgroundCalls, Billing, ModelAnswer, ModelRequest, NextMove, ProviderError};

use super::{ScriptedProvider, failure};

/// A request about a background call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackgroundRequest {
    /// Begins the call with this id.
    Begin(String),
    /// Fetches the answer of the call with this id.
    Fetch(String),
    /// Cancels the call with this id.
    Cancel(String),
}

type FetchResult = Result<Option<ModelAnswer>, ProviderError>;

#[derive(Default)]
pub(super) struct Background(Mutex<State>);

#[derive(Default)]
struct State {
    begun: VecDeque<Result<String, ProviderError>>,
    found: VecDeque<FetchResult>,
    cancelled: VecDeque<FetchResult>,
    asked: Vec<BackgroundRequest>,
}

impl Background {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl ScriptedProvider {
    /// Offers background calls. Beyond the script, calls are named `background-1`, `-2`, …, keep
    /// running, and return nothing when cancelled.
    #[must_use]
    pub fn in_background(mut self) -> Self {
        self.background.get_or_insert_default();
        self
    }

    /// Adds the result of beginning a call.
    #[must_use]
    pub fn then_begin(self, begun: Result<&str, ProviderError>) -> Self {
        let provider = self.in_background();
        provider.calls().begun.push_back(begun.map(Into::into));
        provider
    }

    /// Adds the result of a fetch; `None` is a running call.
    #[must_use]
    pub fn then_fetch(self, found: FetchResult) -> Self {
        let provider = self.in_background();
        provider.push_fetch(found);
        provider
    }

    /// Adds what a cancelled call had generated.
    #[must_use]
    pub fn then_cancel(self, said: FetchResult) -> Self {
        let provider = self.in_background();
        provider.calls().cancelled.push_back(said);
        provider
    }

    /// Adds the result of a fetch while the provider is in use.
    pub fn push_fetch(&self, found: FetchResult) {
        self.calls().found.push_back(found);
    }

    /// All requests about background calls, oldest first.
    pub fn background_asked(&self) -> Vec<BackgroundRequest> {
        self.calls().asked.clone()
    }

    fn calls(&self) -> MutexGuard<'_, State> {
        self.background.as_ref().unwrap().state()
    }
}

#[async_trait]
impl BackgroundCalls for ScriptedProvider {
    async fn begin(&self, request: &ModelRequest) -> Result<String, ProviderError> {
        self.state().asked.push(request.clone());
        let begun = {
            let mut calls = self.calls();
            let so_far = calls
                .asked
                .iter()
                .filter(|asked| matches!(asked, BackgroundRequest::Begin(_)))
                .count();
            let begun =
                calls.begun.pop_front().unwrap_or_else(|| Ok(format!("background-{}", so_far + 1)));
            calls.asked.extend(begun.clone().map(BackgroundRequest::Begin));
            begun
        };
        tokio::time::sleep(self.delay).await;
        begun
    }

    async fn fetch(&self, id: &str) -> FetchResult {
        let mut calls = self.calls();
        calls.asked.push(BackgroundRequest::Fetch(id.into()));
        calls.found.pop_front().unwrap_or(Ok(None))
    }

    async fn cancel(&self, id: &str) -> FetchResult {
        let mut calls = self.calls();
        calls.asked.push(BackgroundRequest::Cancel(id.into()));
        calls.cancelled.pop_front().unwrap_or(Ok(None))
    }
}

/// The error of a fetch whose call the provider no longer stores.
pub fn forgotten() -> ProviderError {
    failure("response_not_found", NextMove::NextModel, Billing::Unknown)
}

#[cfg(test)]
mod tests {
    use ports::ModelProvider as _;

    use super::{super::answer, *};

    #[tokio::test]
    async fn a_background_call_is_begun_fetched_and_cancelled() {
        let provider = ScriptedProvider::new("openai")
            .then_fetch(Ok(None))
            .then_fetch(Ok(Some(answer("m", "done"))))
            .then_fetch(Err(forgotten()));
        let calls = provider.background().unwrap();
        let id = calls.begin(&ModelRequest::new("m", "t", Vec::new(), 10)).await.unwrap();
        assert_eq!(calls.fetch(&id).await, Ok(None));
        assert_eq!(calls.fetch(&id).await, Ok(Some(answer("m", "done"))));
        assert_eq!(calls.fetch(&id).await, Err(forgotten()));
        assert_eq!(calls.cancel(&id).await, Ok(None));
        let fetch = || BackgroundRequest::Fetch(id.clone());
        let expect = [
            BackgroundRequest::Begin(id.clone()),
            fetch(),
            fetch(),
            fetch(),
            BackgroundRequest::Cancel(id.clone()),
        ];
        assert_eq!(provider.background_asked(), expect);
        assert_eq!(provider.asked().len(), 1);
        assert!(ScriptedProvider::new("openai").background().is_none());
    }
}
