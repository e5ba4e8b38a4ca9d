//! OpenAI's o200k vocabulary, loaded when it is first needed: it takes half a second and 65 MiB.

use std::sync::{Arc, OnceLock};

use bpe_openai::Tokenizer;
use ports::TokenCounter;

/// Counts by the o200k vocabulary. The first question starts loading it and is left without an answer.
#[derive(Clone, Default)]
pub struct O200k(Arc<Loading>);

#[derive(Default)]
struct Loading {
    begun: OnceLock<()>,
    loaded: OnceLock<&'static Tokenizer>,
}

impl O200k {
    /// Loads the vocabulary; returns when it is there.
    pub fn load(&self) {
        self.0.loaded.get_or_init(bpe_openai::o200k_base);
    }
}

impl TokenCounter for O200k {
    fn count(&self, texts: &[&str]) -> Option<u64> {
        let Some(tokenizer) = self.0.loaded.get() else {
            self.0.begun.get_or_init(|| {
                let loading = self.clone();
                std::thread::spawn(move || loading.load());
            });
            return None;
        };
        Some(texts.iter().map(|text| tokenizer.count(text) as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_once_the_vocabulary_is_there() {
        let counter = O200k::default();
        assert_eq!(counter.count(&["hello"]), None);
        counter.load();
        // Counted by OpenAI's own tiktoken.
        assert_eq!(counter.count(&["hello world", "tiktoken is great!"]), Some(2 + 6));
        assert_eq!(counter.count(&[]), Some(0));
    }

    #[test]
    fn a_count_never_passes_the_bytes() {
        let counter = O200k::default();
        counter.load();
        for text in ["", "a", "é", "日本語のテキスト", "a\u{0}b", "    \n\t", "🦀🦀🦀", "aaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            assert!(counter.count(&[text]) <= Some(text.len() as u64), "{text:?}");
        }
    }
}
