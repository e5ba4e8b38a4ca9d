//! What a call consumed, in the same convention for every provider.

use serde::{Deserialize, Serialize};

/// Tokens and tool calls of one provider answer.
///
/// Convention (OpenAI's): cached and cache-write tokens are part of `input`, reasoning tokens are
/// part of `output`. Providers that count differently (Gemini counts thoughts apart from its
/// output) are converted by their adapter.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, cached ones included.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    #[serde(default)]
    pub cached_input: u64,
    /// Input tokens written to the provider's prompt cache.
    #[serde(default)]
    pub cache_write: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Output tokens spent on reasoning.
    #[serde(default)]
    pub reasoning: u64,
    /// Web searches made.
    #[serde(default)]
    pub searches: u64,
}

impl Usage {
    /// Usage with plain input and output only.
    pub fn of(input: u64, output: u64) -> Self {
        Self { input, output, ..Self::default() }
    }
}
