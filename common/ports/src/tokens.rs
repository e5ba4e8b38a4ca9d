//! Counting tokens exactly.

/// Counts the tokens of texts by OpenAI's o200k vocabulary.
pub trait TokenCounter: Send + Sync {
    /// The tokens of some texts; `None` while the vocabulary is not loaded. Takes milliseconds for long texts: not for
    /// an async worker.
    fn count(&self, texts: &[&str]) -> Option<u64>;
}
