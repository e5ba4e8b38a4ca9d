//! Renders an outline as Markdown and as HTML.
//!
//! Texts come from clients, documents and models, so every text is escaped: nothing in it can
//! become markup, and only web addresses become links.

use super::outline::Block;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;\
vertical-align:top}.note{border-left:4px solid #b35c00;background:#fff4e5;padding:.5rem 1rem}@media print{body{margin:0}}";

pub(super) fn markdown(blocks: &[Block]) -> String {
    blocks.iter().map(markdown_block).collect::<Vec<_>>().join("\n")
}

fn markdown_block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => {
            format!("{} {}\n", "#".repeat((*level).into()), inline(text))
        }
        Block::Paragraph(text) => format!("{}\n", paragraph(text)),
        Block::Note(text) => format!("> **{}**\n", inline(text)),
        Block::List(entries) => each(entries, |entry| format!("- {}\n", paragraph(entry))),
        Block::Links(entries) => {
            each(entries, |(text, url)| match url.as_deref().and_then(web_address) {
                Some(url) => format!("- {} <{url}>\n", paragraph(text)),
                None => format!("- {}\n", paragraph(text)),
            })
        }
        Block::Table(head, rows) => {
            let line = |cells: String| format!("|{cells}\n");
            let head_line = line(each(head, |cell| format!(" {} |", inline(cell))));
            let rule = line(each(head, |_| " --- |".into()));
            let rows = each(rows, |row| line(each(row, |cell| format!(" {} |", inline(cell)))));
            format!("{head_line}{rule}{rows}")
        }
    }
}

/// Writes each thing and concatenates the results.
fn each<T>(things: &[T], write: impl Fn(&T) -> String) -> String {
    things.iter().map(write).collect::<Vec<_>>().concat()
}

/// A text on one line with all special characters escaped.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same at the start of a line, where `#`, `-`, `+` and `1.` would begin a heading or a list.
fn paragraph(text: &str) -> String {
    let text = inline(text.trim());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if text.starts_with(['#', '-', '+', '=']) {
        format!("\\{text}")
    } else if digits > 0 && text[digits..].starts_with(['.', ')']) {
        format!("{}\\{}", &text[..digits], &text[digits..])
    } else {
        text
    }
}

pub(super) fn html(title: &str, language: &str, blocks: &[Block]) -> String {
    let body = each(blocks, html_block);
    let (title, language) = (escaped(title), escaped(language));
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn html_block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => format!("<h{level}>{}</h{level}>\n", escaped(text)),
        Block::Paragraph(text) => format!("<p>{}</p>\n", escaped(text)),
        Block::Note(text) => format!("<p class=\"note\"><strong>{}</strong></p>\n", escaped(text)),
        Block::List(entries) => {
            format!(
                "<ul>\n{}</ul>\n",
                each(entries, |entry| format!("<li>{}</li>\n", escaped(entry)))
            )
        }
        Block::Links(entries) => {
            let entries =
                each(entries, |(text, url)| format!("<li>{}</li>\n", link(text, url.as_deref())));
            format!("<ul>\n{entries}</ul>\n")
        }
        Block::Table(head, rows) => {
            let head = each(head, |cell| format!("<th>{}</th>", escaped(cell)));
            let cells = |row: &[String]| each(row, |cell| format!("<td>{}</td>", escaped(cell)));
            let rows = each(rows, |row| format!("<tr>{}</tr>\n", cells(row)));
            format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
        }
    }
}

fn link(text: &str, url: Option<&str>) -> String {
    match url.and_then(web_address) {
        Some(url) => format!(
            "<a href=\"{}\" rel=\"noopener noreferrer\">{}</a>",
            escaped(url),
            escaped(text)
        ),
        None => escaped(text),
    }
}

/// An address that is safe to link to.
fn web_address(url: &str) -> Option<&str> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain =
        url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '`' | '\\'));
    (is_web && is_plain).then_some(url)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_cannot_begin_a_heading_or_a_list() {
        for (text, expect) in [
            ("# no heading", "\\# no heading"),
            ("1. no list", "1\\. no list"),
            ("- no list", "\\- no list"),
            ("2027 is a year", "2027 is a year"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(paragraph(text), expect);
        }
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(text in "\\PC{0,80}") {
            let page = html(&text, &text, &[Block::Paragraph(text.clone())]);
            prop_assert_eq!(page.matches('<').count(), html("", "", &[Block::Paragraph(String::new())]).matches('<').count());
            prop_assert!(!inline(&text).contains('<'));
        }
    }
}
