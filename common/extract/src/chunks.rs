//! Cuts a text at its natural breaks: before headings and paragraphs, otherwise between lines,
//! sentences or words.

/// The longest chunk, in characters.
const LONGEST: usize = 1_200;
/// The shortest chunk, in characters: a break is chosen between this length and [`LONGEST`].
const SHORTEST: usize = 600;
/// Characters that a chunk repeats from the one before, so that a sentence at the break is whole in
/// one of them.
const OVERLAP: usize = 150;

/// A chunk of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Offset of its first character in the text, in characters.
    pub start: usize,
    /// Offset after its last character.
    pub end: usize,
    /// The text of the chunk.
    pub text: String,
}

/// Cuts a text into overlapping chunks without white space at their ends; a blank text gives none.
pub fn chunks(text: &str) -> Vec<Chunk> {
    let chars: Vec<char> = text.chars().collect();
    let mut chunks = Vec::new();
    let mut start = 0;
    while start < chars.len() {
        let end = end_of(&chars, start);
        chunks.extend(trimmed(&chars, start, end));
        if end == chars.len() {
            break;
        }
        start = word_start(&chars, end - OVERLAP, end);
    }
    chunks
}

fn end_of(chars: &[char], start: usize) -> usize {
    let limit = start + LONGEST;
    if limit >= chars.len() {
        return chars.len();
    }
    // The best break, and the last among equally good ones.
    (start + SHORTEST..=limit).max_by_key(|&at| (seam(chars, at), at)).unwrap_or(limit)
}

/// The quality of a break before the character at `at`; higher is better.
fn seam(chars: &[char], at: usize) -> u8 {
    let (second_last, last, next) = (chars[at - 2], chars[at - 1], chars[at]);
    match last {
        '\n' if second_last == '\n' || next == '#' => 4,
        '\n' => 3,
        '。' | '！' | '？' => 2,
        _ if last.is_whitespace() && matches!(second_last, '.' | '!' | '?' | ':' | '…') => 2,
        _ if last.is_whitespace() => 1,
        _ => 0,
    }
}

/// The first start of a word in a span; the span's own start if there is none.
fn word_start(chars: &[char], from: usize, to: usize) -> usize {
    (from..to)
        .find(|&at| chars[at - 1].is_whitespace() && !chars[at].is_whitespace())
        .unwrap_or(from)
}

fn trimmed(chars: &[char], start: usize, end: usize) -> Option<Chunk> {
    let first = (start..end).find(|&at| !chars[at].is_whitespace())?;
    let last = (first..end).rfind(|&at| !chars[at].is_whitespace())?;
    let text = chars[first..=last].iter().collect();
    Some(Chunk { start: first, end: last + 1, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Vec<(usize, usize)> {
        chunks(text).iter().map(|chunk| (chunk.start, chunk.end)).collect()
    }

    #[test]
    fn a_short_text_is_one_chunk() {
        assert_eq!(spans("  two words\n"), [(2, 11)]);
        assert_eq!(spans(" \n\n "), []);
    }

    #[test]
    fn offsets_count_characters_of_the_text() {
        let text: String = (0..4_000).map(|index| if index % 7 == 6 { ' ' } else { 'ü' }).collect();
        let chars: Vec<char> = text.chars().collect();
        for chunk in chunks(&text) {
            assert_eq!(chars[chunk.start..chunk.end].iter().collect::<String>(), chunk.text);
        }
    }

    #[test]
    fn chunks_break_before_headings_and_overlap() {
        let text =
            format!("{}\n# Second\n{}", "First words. ".repeat(70), "more words. ".repeat(60));
        let found = chunks(&text);
        assert_eq!(found.len(), 2);
        assert!(found[0].text.ends_with("First words."), "{}", found[0].text);
        assert!(
            found[1].text.starts_with("First words.") || found[1].text.starts_with("words."),
            "{}",
            found[1].text
        );
        assert!(found[1].start < found[0].end && found[0].end - found[1].start <= OVERLAP);
    }

    #[test]
    fn every_character_is_in_some_chunk() {
        let found = spans(&"x".repeat(5_000));
        assert_eq!((found[0], found.last().map(|span| span.1)), ((0, LONGEST), Some(5_000)));
        assert!(found.windows(2).all(|pair| pair[1].0 == pair[0].1 - OVERLAP), "{found:?}");
    }
}
