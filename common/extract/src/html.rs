//! HTML to text, from a stream of tokens, so that neither depth nor bad nesting matters.

use html5gum::{DefaultEmitter, Token, Tokenizer};
use tokio_util::sync::CancellationToken;

use super::Unreadable;

/// The visible text of a page; headings and list items are marked as in Markdown.
pub(super) fn text(html: &str, stop: &CancellationToken) -> Result<String, Unreadable> {
    let mut emitter = DefaultEmitter::default();
    // The content of scripts, styles and titles is text to the tokenizer, not markup.
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        if stop.is_cancelled() {
            return Err(Unreadable::TooSlow);
        }
        match token {
            Token::StartTag(tag) => page.open(&tag.name, tag.self_closing),
            Token::EndTag(tag) => page.close(&tag.name),
            Token::String(text) => page.write(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    Ok(page.text)
}

#[derive(Default)]
struct Page {
    text: String,
    /// The element whose content is skipped until it is closed.
    hidden: Option<Vec<u8>>,
    /// Number of open elements whose white space is preserved.
    preformatted: usize,
}

impl Page {
    fn open(&mut self, name: &[u8], self_closing: bool) {
        if self.hidden.is_some() {
            return;
        }
        match name {
            b"script" | b"style" | b"title" | b"template" | b"svg" | b"iframe" | b"select"
            | b"textarea"
                if !self_closing =>
            {
                self.hidden = Some(name.to_vec());
            }
            [b'h', level @ b'1'..=b'6'] => {
                self.break_lines(2);
                self.text.extend(std::iter::repeat_n('#', usize::from(level - b'0')));
                self.text.push(' ');
            }
            b"li" => {
                self.break_lines(1);
                self.text.push_str("- ");
            }
            b"td" | b"th" if !self.text.is_empty() && !self.text.ends_with('\n') => {
                self.text.push('\t');
            }
            b"br" | b"tr" | b"dt" | b"dd" | b"option" => self.break_lines(1),
            b"pre" => {
                self.break_lines(2);
                self.preformatted += 1;
            }
            _ if is_block(name) => self.break_lines(2),
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        if let Some(hidden) = &self.hidden {
            if hidden == name {
                self.hidden = None;
            }
            return;
        }
        match name {
            b"pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.break_lines(2);
            }
            b"li" | b"tr" => self.break_lines(1),
            [b'h', b'1'..=b'6'] => self.break_lines(2),
            _ if is_block(name) => self.break_lines(2),
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        if self.preformatted > 0 {
            self.text.push_str(text);
            return;
        }
        for char in text.chars() {
            if !char.is_whitespace() {
                self.text.push(char);
            } else if !self.text.is_empty() && !self.text.ends_with(char::is_whitespace) {
                self.text.push(' ');
            }
        }
    }

    /// Ends the line and leaves `count − 1` empty lines after it.
    fn break_lines(&mut self, count: usize) {
        self.text.truncate(self.text.trim_end_matches([' ', '\t']).len());
        let there = self.text.len() - self.text.trim_end_matches('\n').len();
        if !self.text.is_empty() && there < count {
            self.text.extend(std::iter::repeat_n('\n', count - there));
        }
    }
}

fn is_block(name: &[u8]) -> bool {
    matches!(
        name,
        b"address"
            | b"article"
            | b"aside"
            | b"blockquote"
            | b"body"
            | b"caption"
            | b"details"
            | b"div"
            | b"dl"
            | b"fieldset"
            | b"figcaption"
            | b"figure"
            | b"footer"
            | b"form"
            | b"header"
            | b"hr"
            | b"main"
            | b"nav"
            | b"ol"
            | b"p"
            | b"section"
            | b"summary"
            | b"table"
            | b"ul"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, expect: &str) {
        let text = text(html, &CancellationToken::new()).unwrap();
        assert_eq!(super::super::tidy(&text), expect, "{html}");
    }

    #[test]
    fn html_structure_becomes_lines_and_marks() {
        check(
            "<h2>A &amp; B</h2>\n<p>one\n  two <b>th</b>ree<br>four</p><div>five</div>",
            "## A & B\n\none two three\nfour\n\nfive",
        );
        check("<ul><li>x<li>y</ul>z", "- x\n- y\n\nz");
        check(
            "<table><tr><th>k</th><th>v</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "k\tv\n1\t2",
        );
        check("<pre>a\n  b</pre>", "a\n  b");
    }

    #[test]
    fn invisible_content_is_left_out() {
        check(
            "<title>t</title><style>p{}</style><script>if (a<b) '</p>'</script><!-- c --><p>seen</p>",
            "seen",
        );
    }

    #[test]
    fn deep_nesting_and_missing_end_tags_are_harmless() {
        check(&format!("{}deep", "<div>".repeat(200_000)), "deep");
        check("<p>open <b>never closed", "open never closed");
    }
}
