//! Texts that a business keeps, for what searches them.

use std::sync::Mutex;

use async_trait::async_trait;
use domain::{BusinessId, vector::Passage};
use ports::{GatewayError, Retriever};

/// Finds the same passages whatever is asked, or fails as told; nothing is kept at first.
#[derive(Debug, Default)]
pub struct KeptTexts {
    found: Mutex<Vec<Passage>>,
    failure: Mutex<Option<GatewayError>>,
    asked: Mutex<Vec<String>>,
}

impl KeptTexts {
    /// Keeps these passages instead.
    pub fn keep(&self, passages: Vec<Passage>) {
        *self.found.lock().unwrap() = passages;
    }

    /// Fails the next search.
    pub fn fail_next(&self, failure: GatewayError) {
        *self.failure.lock().unwrap() = Some(failure);
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Retriever for KeptTexts {
    async fn nearest(
        &self,
        _: &BusinessId,
        question: &str,
        most: usize,
    ) -> Result<Vec<Passage>, GatewayError> {
        self.asked.lock().unwrap().push(question.into());
        match self.failure.lock().unwrap().take() {
            Some(failure) => Err(failure),
            None => Ok(self.found.lock().unwrap().iter().take(most).cloned().collect()),
        }
    }
}
