//! Extracts the text of uploaded files and cuts texts into chunks.
//!
//! Files are untrusted. They are parsed on separate threads, a few at a time, by parsers that
//! neither recurse with the input's depth nor inflate without a limit. A parser's panic ends only
//! its thread, and a parser that takes too long is stopped. The text of a file is data and is never
//! read as an instruction.
//! nothing here or behind it reads it as an instruction.

mod chunks;
mod html;
mod pdf;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use chunks::{Chunk, chunks};

/// The longest extracted text, in characters.
pub(crate) const MOST_CHARS: usize = 2_000_000;
/// Files parsed at the same time.
const THREADS: usize = 2;
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub enum ContentType {
    /// Plain text.
    #[serde(rename = "text/plain")]
    Plain,
    /// Markdown, kept as it is.
    #[serde(rename = "text/markdown")]
    Markdown,
    /// HTML, without scripts, styles and markup.
    #[serde(rename = "text/html")]
    Html,
    /// A PDF with text; scanned pages hold none.
    #[serde(rename = "application/pdf")]
    Pdf,
}

/// Why no text can be extracted from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// The file is not of the claimed type, or is damaged.
    Malformed(String),
    /// The file needs a password.
    Encrypted,
    /// The file has more pages or characters than are read.
    TooLarge(String),
    /// The file holds no text.
    Empty,
    /// Parsing took too long.
    TooSlow,
    /// Too many files are being parsed: try again later.
    Busy,
}

/// Extracts the text of files, a few at a time.
#[derive(Clone)]
pub struct Extractor(Arc<Semaphore>);

impl Default for Extractor {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }
}

impl Extractor {
    /// The text of a file, with LF line ends and no control characters.
    pub async fn extract(
        &self,
        content_type: ContentType,
        bytes: Vec<u8>,
    ) -> Result<String, Unreadable> {
        let busy = || Unreadable::Busy;
        let permit =
            timeout(TIME_LIMIT, self.0.clone().acquire_owned()).await.map_err(|_| busy())?;
        let permit = permit.map_err(|_| busy())?;
        let stop = CancellationToken::new();
        // Also stops the thread when the client disconnects.
        let _stopped_with_us = stop.clone().drop_guard();
        let reading = spawn_blocking(move || {
            // Held until the thread ends, so that overrunning parsers cannot pile up.
            let _permit = permit;
            read(content_type, bytes, &stop)
        });

        match timeout(TIME_LIMIT, reading).await {
            Ok(Ok(text)) => text,
            Ok(Err(_panicked)) => Err(Unreadable::Malformed("its parser gave up".into())),
            Err(_elapsed) => Err(Unreadable::TooSlow),
        }
    }
}

fn read(
    content_type: ContentType,
    bytes: Vec<u8>,
    stop: &CancellationToken,
) -> Result<String, Unreadable> {
    let text = match content_type {
        ContentType::Pdf => pdf::text(&bytes, stop)?,
        ContentType::Html => html::text(&utf8(bytes)?, stop)?,
        ContentType::Plain | ContentType::Markdown => utf8(bytes)?,
    };
    let text = tidy(&text);
    if text.is_empty() {
        return Err(Unreadable::Empty);
    }
    if text.chars().count() > MOST_CHARS {
        return Err(Unreadable::TooLarge(format!("it holds more than {MOST_CHARS} characters")));
    }
    Ok(text)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(bytes).map_err(|_| Unreadable::Malformed("it is not UTF-8".into()))
}

/// Normalises line ends, removes control characters and leaves at most one empty line in a row.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim_end();
        if !(line.is_empty() && (tidy.is_empty() || tidy.ends_with("\n\n"))) {
            tidy.extend(line.chars().filter(|char| *char == '\t' || !char.is_control()));
            tidy.push('\n');
        }
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_tidied_without_losing_its_paragraphs() {
        assert_eq!(tidy("\u{feff}\r\n\r\na \r\nb\0\r\n\r\n\r\n\r\nc\td\n\n"), "a\nb\n\nc\td");
    }
}
