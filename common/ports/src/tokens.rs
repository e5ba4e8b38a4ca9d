//! Counting tokens exactly.

/// Counts the tokens of texts by OpenAI's o200k vocabulary.
pub trait TokenCounter: Send + Sync {
    /// The tokens of some texts; `None` where they cannot be counted. Takes milliseconds for long
    /// texts, and half a second once: not for an async worker.
    fn count(&self, texts: &[&str]) -> Option<u64>;
}
