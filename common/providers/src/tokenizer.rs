//! OpenAI's o200k vocabulary, loaded at first use: it takes half a second and 65 MiB.

use bpe_openai::o200k_base;
use ports::TokenCounter;

/// Counts tokens with the o200k vocabulary. The first call waits until it is loaded: a new instance
/// must not refuse a call, or use a weaker model, for lack of a count.
#[derive(Clone, Copy)]
pub struct O200k;

impl TokenCounter for O200k {
    fn count(&self, texts: &[&str]) -> Option<u64> {
        let tokenizer = o200k_base();
        Some(texts.iter().map(|text| tokenizer.count(text) as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_openai_counts_them() {
        // Expected counts from OpenAI's tiktoken.
        assert_eq!(O200k.count(&["hello world", "tiktoken is great!"]), Some(2 + 6));
        assert_eq!(O200k.count(&[]), Some(0));
    }

    #[test]
    fn a_token_count_never_exceeds_the_bytes() {
        for text in [
            "",
            "a",
            "é",
            "日本語のテキスト",
            "a\u{0}b",
            "    \n\t",
            "🦀🦀🦀",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(O200k.count(&[text]) <= Some(text.len() as u64), "{text:?}");
        }
    }
}
