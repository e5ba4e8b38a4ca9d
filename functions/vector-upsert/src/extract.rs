//! The text of an uploaded file.
//!
//! Files come from anywhere. They are read on threads of their own, a few at a time, by parsers
//! that neither recurse with the input's depth nor inflate without a limit; a parser's panic ends
//! with its thread, and one that takes too long is told to stop. What a file says stays data:
//! nothing here or behind it reads it as an instruction.

mod html;
mod pdf;

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use service::Problem;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// The longest text, in characters.
pub(crate) const MOST_CHARS: usize = 2_000_000;
/// Files read at the same time.
const THREADS: usize = 2;
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) enum ContentType {
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

/// Why a file has no text for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not what it claims to be, or broken.
    Malformed(String),
    /// It needs a password.
    Encrypted,
    /// It has more pages or characters than are read.
    TooLarge(String),
    /// It holds no text.
    Empty,
    /// Reading it was given up.
    TooSlow,
}

/// Reads files, a few at a time.
#[derive(Clone)]
pub struct Extractor(Arc<Semaphore>);

impl Default for Extractor {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }
}

impl Extractor {
    /// The text of a file, with plain line ends and no control characters.
    pub(crate) async fn extract(
        &self,
        content_type: ContentType,
        bytes: Vec<u8>,
    ) -> Result<String, Problem> {
        let busy = || Problem::unavailable("other documents are being read; try again soon");
        let permit =
            timeout(TIME_LIMIT, self.0.clone().acquire_owned()).await.map_err(|_| busy())?;
        let permit = permit.map_err(|_| busy())?;
        let stop = CancellationToken::new();
        // Ends the thread's work also when the client hangs up.
        let _stopped_with_us = stop.clone().drop_guard();
        let reading = spawn_blocking(move || {
            // Held until the thread really ends: readers that overrun must not pile up.
            let _permit = permit;
            read(content_type, bytes, &stop)
        });
        let text = match timeout(TIME_LIMIT, reading).await {
            Ok(Ok(text)) => text,
            Ok(Err(_panicked)) => Err(Unreadable::Malformed("its parser gave up".into())),
            Err(_elapsed) => Err(Unreadable::TooSlow),
        };
        Ok(text?)
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

/// One kind of line end, at most one empty line in a row, no control characters.
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

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        let (status, code, detail) = match unreadable {
            Unreadable::Malformed(reason) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "unreadable_document",
                format!("the document cannot be read: {reason}"),
            ),
            Unreadable::Encrypted => {
                let detail = "the PDF is protected by a password: send it without protection";
                (StatusCode::UNPROCESSABLE_ENTITY, "encrypted_document", detail.into())
            }
            Unreadable::TooLarge(reason) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "document_too_large",
                format!("{reason}: send it in parts"),
            ),
            Unreadable::Empty => {
                let detail = "the document holds no text; scanned pages must go through text recognition first";
                (StatusCode::UNPROCESSABLE_ENTITY, "no_text", detail.into())
            }
            Unreadable::TooSlow => {
                let detail =
                    "reading the document takes too long: send its text, or send it in parts";
                (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_document", detail.into())
            }
        };
        Self::new(status, code, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_tidied_without_losing_its_paragraphs() {
        assert_eq!(tidy("\u{feff}\r\n\r\na \r\nb\0\r\n\r\n\r\n\r\nc\td\n\n"), "a\nb\n\nc\td");
    }
}
