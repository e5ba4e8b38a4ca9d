//! The text of a PDF, page by page; lines are found from the positions of the text.

mod allowance;
mod load;
mod pen;

use std::collections::BTreeMap;

use lopdf::{DecompressError, Dictionary, Document, Encoding, Error, content::Content};
use tokio_util::sync::CancellationToken;

use super::{MOST_CHARS, Unreadable};
use load::load;
use pen::Pen;

/// The most bytes that one stream may inflate to: far more than a page of text needs.
const STREAM_BYTES: usize = 16 * 1024 * 1024;
/// The most bytes that the fonts of a page may inflate to together: their character tables take
/// several times as much in memory.
const FONTS_BYTES: usize = 4 * 1024 * 1024;

/// The text of all pages. Text in embedded forms is left out.
pub(super) fn text(bytes: &[u8], stop: &CancellationToken) -> Result<String, Unreadable> {
    let (document, pages) = load(bytes, stop)?;
    let mut text = String::new();
    for page in pages {
        if text.len() > MOST_CHARS * 4 {
            return Err(Unreadable::TooLarge(format!(
                "it holds more than {MOST_CHARS} characters"
            )));
        }
        if stop.is_cancelled() {
            return Err(Unreadable::TooSlow);
        }
        let fonts = document.get_page_fonts(page).map_err(|error| unreadable(&error))?;
        let content = document
            .get_page_content_with_limit(page, STREAM_BYTES)
            .map_err(|error| unreadable(&error))?;
        let mut pen = Pen::new(&mut text, encodings(&document, &fonts));
        for operation in Content::decode_iter(&content) {
            if stop.is_cancelled() {
                return Err(Unreadable::TooSlow);
            }
            // A damaged page ends at the damage.
            let Ok(operation) = operation else { break };
            pen.apply(&operation);
        }
        text.push_str("\n\n");
    }
    Ok(text)
}

/// The encodings of the fonts of a page. An unreadable font loses its own text only.
fn encodings<'a>(
    document: &'a Document,
    fonts: &BTreeMap<Vec<u8>, &'a Dictionary>,
) -> BTreeMap<Vec<u8>, Encoding<'a>> {
    let mut left = FONTS_BYTES;
    let mut encodings = BTreeMap::new();
    for (name, font) in fonts {
        let Some(rest) = left.checked_sub(inflated(document, font, left)) else { continue };
        left = rest;
        if let Ok(encoding) = font.get_font_encoding_with_limit(document, FONTS_BYTES) {
            encodings.insert(name.clone(), encoding);
        }
    }
    encodings
}

/// The inflated size of a font's tables, in bytes; above every limit once they exceed this one.
fn inflated(document: &Document, font: &Dictionary, limit: usize) -> usize {
    let tables = [b"ToUnicode".as_slice(), b"Encoding"].into_iter();
    let tables = tables.filter_map(|name| font.get_deref(name, document).ok()?.as_stream().ok());
    let sizes = tables.map(|table| match table.get_plain_content_with_limit(limit) {
        Ok(bytes) => bytes.len(),
        Err(error) if is_too_large(&error) => usize::MAX,
        Err(_broken) => 0,
    });
    sizes.fold(0, usize::saturating_add)
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::Decompress(DecompressError::MemoryLimitExceeded { .. }))
}

fn unreadable(error: &Error) -> Unreadable {
    if is_too_large(error) {
        return Unreadable::TooLarge(format!(
            "a stream of it inflates to more than {STREAM_BYTES} bytes"
        ));
    }
    let locked = matches!(
        error,
        Error::InvalidPassword | Error::Decryption(_) | Error::UnsupportedSecurityHandler(_)
    );
    if locked { Unreadable::Encrypted } else { Unreadable::Malformed(error.to_string()) }
}
