//! Words of the client, made fit to stand in a sentence of ours.

/// What stands where somebody meant to write something later; copied from a brief, it would make a draft look unfinished.
const PLACEHOLDERS: [&str; 9] =
    ["lorem ipsum", "[insert", "[your", "<insert", "example.com", "to be determined", "to be defined", "xxx", "{{"];
/// The same as single words.
const PLACEHOLDER_WORDS: [&str; 3] = ["tbd", "tba", "todo"];
/// Small words that a phrase should not end with when it is cut, nor consist of.
const SMALL_WORDS: [&str; 35] = [
    "a", "after", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "into", "is", "it",
    "its", "of", "on", "or", "our", "so", "that", "the", "their", "they", "this", "to", "under", "we", "who", "with",
    "you", "your",
];

/// The first words of a text that are made of letters, without figures or marks; `otherwise` when there are none.
pub(super) fn phrase(text: &str, most: usize, otherwise: &str) -> String {
    let trimmed = text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphabetic()));
    let mut words: Vec<&str> = trimmed.filter(|word| is_plain(word)).take(most).collect();
    while words.last().is_some_and(|last| SMALL_WORDS.contains(&last.to_lowercase().as_str())) {
        words.pop();
    }
    let phrase = words.join(" ");
    if phrase.is_empty() || is_unfinished(&phrase) { otherwise.into() } else { phrase }
}

fn is_plain(word: &str) -> bool {
    let letters = |c: char| (c.is_alphabetic() && !c.is_numeric()) || matches!(c, '-' | '\'' | '’');
    (1..=30).contains(&word.chars().count()) && word.chars().all(letters) && !is_unfinished(word)
}

/// Whether a text holds what somebody meant to replace.
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

/// At most so many characters, ending with a whole word if there is one.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let text = &text[..end];
    text.rfind(char::is_whitespace).map_or(text, |space| text[..space].trim_end())
}
