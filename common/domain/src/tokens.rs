//! How many tokens a request has, before a provider counts them.

/// Tokens that a provider may add around each message: role markers and separators.
const PER_MESSAGE: u64 = 16;

/// An upper bound of the tokens of texts: a byte-level tokenizer never yields more tokens than
/// bytes.
pub fn upper_bound<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    texts.into_iter().map(|text| text.len() as u64 + PER_MESSAGE).sum()
}

/// The expected tokens of `chars` characters of prose: four characters per token. For planning,
/// never for holds.
pub fn expected(chars: u64) -> u64 {
    chars.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_counts_bytes() {
        assert_eq!(upper_bound(["abcd", "é"]), 4 + 2 + 2 * PER_MESSAGE);
        assert_eq!(expected(9), 3);
    }
}
