//! A stub of the knowledge base, for code that searches it.

use std::sync::Mutex;

use async_trait::async_trait;
use domain::{BusinessId, vector::Passage};
use ports::{GatewayError, Retriever};

/// A stub retriever: returns the same passages for every question, or a queued failure. At first it
/// has no passages.
#[derive(Debug, Default)]
pub struct StubRetriever {
    passages: Mutex<Vec<Passage>>,
    failure: Mutex<Option<GatewayError>>,
    asked: Mutex<Vec<String>>,
}

impl StubRetriever {
    /// Returns these passages from now on.
    pub fn keep(&self, passages: Vec<Passage>) {
        *self.passages.lock().unwrap() = passages;
    }

    /// Fails the next search.
    pub fn fail_next(&self, failure: GatewayError) {
        *self.failure.lock().unwrap() = Some(failure);
    }

    /// All questions so far, oldest first.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Retriever for StubRetriever {
    async fn nearest(
        &self,
        _: &BusinessId,
        question: &str,
        most: usize,
    ) -> Result<Vec<Passage>, GatewayError> {
        self.asked.lock().unwrap().push(question.into());
        match self.failure.lock().unwrap().take() {
            Some(failure) => Err(failure),
            None => Ok(self.passages.lock().unwrap().iter().take(most).cloned().collect()),
        }
    }
}
