//! Cleans up the client's words for use in the drafts' sentences.

use std::collections::BTreeSet;

/// Placeholders that a brief may contain; copied into a draft, they would make it look unfinished.
const PLACEHOLDERS: [&str; 9] = [
    "lorem ipsum",
    "[insert",
    "[your",
    "<insert",
    "example.com",
    "to be determined",
    "to be defined",
    "xxx",
    "{{",
];
/// Placeholders that are single words.
const PLACEHOLDER_WORDS: [&str; 3] = ["tbd", "tba", "todo"];
/// Words that a cut phrase should not end with, nor consist of.
const SMALL_WORDS: [&str; 35] = [
    "a", "after", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in",
    "into", "is", "it", "its", "of", "on", "or", "our", "so", "that", "the", "their", "they",
    "this", "to", "under", "we", "who", "with", "you", "your",
];

/// The first words of a text that consist of letters; `otherwise` if there are none.
pub(super) fn phrase(text: &str, most: usize, otherwise: &str) -> String {
    let trimmed =
        text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphabetic()));
    let mut words: Vec<&str> = trimmed.filter(|word| is_plain(word)).take(most).collect();
    while words.last().is_some_and(|last| is_small(last)) {
        words.pop();
    }
    let phrase = words.join(" ");
    if phrase.is_empty() || is_unfinished(&phrase) { otherwise.into() } else { phrase }
}

fn is_small(word: &str) -> bool {
    let lower = word.to_lowercase();
    lower
        .split(|c: char| !c.is_alphabetic())
        .all(|part| part.is_empty() || SMALL_WORDS.contains(&part))
}

fn is_plain(word: &str) -> bool {
    let letters = |c: char| (c.is_alphabetic() && !c.is_numeric()) || matches!(c, '-' | '\'' | '’');
    (1..=30).contains(&word.chars().count()) && word.chars().all(letters) && !is_unfinished(word)
}

/// Whether a text contains a placeholder.
pub(super) fn is_unfinished(text: &str) -> bool {
    let lower = text.to_lowercase();
    PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder))
        || lower.split(|c: char| !c.is_alphanumeric()).any(|word| PLACEHOLDER_WORDS.contains(&word))
}

/// A text with a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

/// At most `most` characters, ending with a whole word if possible.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let text = &text[..end];
    text.rfind(char::is_whitespace).map_or(text, |space| text[..space].trim_end())
}

/// The start of a text, on one line and without its final punctuation; `otherwise` if the text is
/// empty or unfinished.
pub(super) fn sentence(text: &str, most: usize, otherwise: &str) -> String {
    let line = one_line(text);
    let sentence = cut(&line, most).trim_end_matches(['.', '!', '?', ' ']);
    if sentence.is_empty() || is_unfinished(sentence) { otherwise.into() } else { sentence.into() }
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two sentences share so many of their longer words that they could count as one claim.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let words = |text: &str| -> BTreeSet<String> {
        let words =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 3);
        words.map(|word| word.to_lowercase().trim_end_matches('s').to_owned()).collect()
    };
    let (one, other) = (words(one), words(other));
    one.intersection(&other).count() * 2 >= one.union(&other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, most: usize, expect: &str) {
        assert_eq!(phrase(text, most, "otherwise"), expect, "{text}");
    }

    #[test]
    fn a_phrase_is_made_of_words_that_mean_something() {
        check("harbour operations software", 2, "harbour operations");
        check("Kornblume & Söhne", 3, "Kornblume Söhne");
        check("Grow from 11 to 30 paying harbours", 3, "Grow");
        check("Salon 54", 3, "Salon");
        check("X", 3, "X");
        for nothing in ["", "42 %", "to", "a-A", "TODO", "it is on"] {
            check(nothing, 3, "otherwise");
        }
    }

    #[test]
    fn a_cut_text_ends_with_a_whole_word() {
        assert_eq!(
            [cut("two words", 20), cut("two words", 6), cut("twowords", 3)],
            ["two words", "two", "two"]
        );
    }
}
