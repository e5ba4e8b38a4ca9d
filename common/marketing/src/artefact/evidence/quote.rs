//! Locates a quote in the text that it claims to come from.

use super::Offsets;

/// The range of `quote` in `text`. Runs of white space count as one space, because line breaks move
/// when text is pasted.
pub(in crate::artefact) fn locate(quote: &str, text: &str) -> Option<Offsets> {
    let wanted: Vec<char> = normalised(quote).into_iter().map(|(_, c)| c).collect();
    if wanted.is_empty() {
        return None;
    }
    let text = normalised(text);
    let matches = |window: &&[(usize, char)]| window.iter().map(|(_, c)| c).eq(&wanted);
    let found = text.windows(wanted.len()).find(matches)?;
    let (start, end) = (found.first()?.0, found.last()?.0 + 1);
    Some(Offsets { start, end })
}

/// The characters with their offsets, with white space collapsed and trimmed.
fn normalised(text: &str) -> Vec<(usize, char)> {
    let mut chars: Vec<(usize, char)> = Vec::with_capacity(text.len());
    for (position, c) in text.chars().enumerate() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || chars.last().is_some_and(|(_, last)| *last != ' ') {
            chars.push((position, c));
        }
    }
    if chars.last().is_some_and(|(_, last)| *last == ' ') {
        chars.pop();
    }
    chars
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(quote: &str, text: &str, expect: Option<(usize, usize)>) {
        assert_eq!(
            locate(quote, text),
            expect.map(|(start, end)| Offsets { start, end }),
            "{quote:?} in {text:?}"
        );
    }

    #[test]
    fn a_quote_is_found_whatever_the_line_breaks() {
        check("412 berth", "the harbour changed 412 berth assignments", Some((20, 29)));
        check("changed 412", "harbour  changed\n  412 berths", Some((9, 22)));
        check("  é b ", "aé\tb", Some((1, 4)));
    }

    #[test]
    fn altered_words_are_not_a_quote() {
        check("412 Berth", "412 berth", None);
        check("412 … berth", "412 old berth", None);
        check(" ", "a b", None);
        check("longer than the text", "short", None);
    }
}
