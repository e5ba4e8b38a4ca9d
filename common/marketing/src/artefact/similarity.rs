//! Similarity of texts without an embedder: the overlap of their words.

use std::collections::BTreeSet;

/// From this value on two texts say the same. It corresponds to cosine similarities of 0.80 to
/// 0.90.
pub(super) const ALIKE: f64 = 0.6;

/// Words without meaning of their own.
const STOP_WORDS: [&str; 32] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "into",
    "is", "it", "its", "of", "on", "or", "our", "so", "that", "the", "their", "they", "this", "to",
    "we", "with", "you", "your",
];

/// The distinct words of a text: lower case, without punctuation, stop words and plural endings.
pub(super) fn tokens(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(&word.as_str()))
        .map(
            |word| {
                if word.chars().count() > 3 { word.trim_end_matches('s').to_owned() } else { word }
            },
        )
        .collect()
}

/// Jaccard similarity of the words of two texts, from 0 to 1; 0 for texts without words.
pub(super) fn similarity(one: &str, other: &str) -> f64 {
    let (one, other) = (tokens(one), tokens(other));
    share(one.intersection(&other).count(), one.union(&other).count())
}

/// Whether two texts say the same.
pub(super) fn alike(one: &str, other: &str) -> bool {
    similarity(one, other) >= ALIKE
}

/// Whether two names mean the same channel: `LinkedIn` and `LinkedIn posts` do, `email` and `trade
/// fairs` do not.
pub(super) fn same_channel(one: &str, other: &str) -> bool {
    let (one, other) = (tokens(one), tokens(other));
    !one.is_empty() && !other.is_empty() && (one.is_subset(&other) || other.is_subset(&one))
}

/// `part` ÷ `whole`, from 0 to 1; 0 if `whole` is 0.
#[expect(clippy::cast_precision_loss, reason = "counts of words and entries stay far below 2^52")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_case_and_small_words_do_not_matter() {
        assert!(alike("The fastest berths of the port", "fastest port berth"));
        assert!(!alike("fastest berth", "quiet harbour"));
        assert!(!alike("", ""));
    }

    #[test]
    fn a_channel_is_recognised_by_its_name() {
        assert!(same_channel("LinkedIn posts", "linkedin"));
        assert!(same_channel("Trade fair", "trade fairs in May"));
        assert!(!same_channel("email", "LinkedIn"));
        assert!(!same_channel("", "LinkedIn"));
    }

    proptest! {
        #[test]
        fn similarity_is_a_symmetric_share(one in ".{0,60}", other in ".{0,60}") {
            let forward = similarity(&one, &other);
            prop_assert!((0.0..=1.0).contains(&forward));
            prop_assert!((forward - similarity(&other, &one)).abs() < f64::EPSILON);
        }
    }
}
