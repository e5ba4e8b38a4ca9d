//! The text of a PDF, page by page: lines are found by where the text is put.

mod pen;

use lopdf::{Document, Error, LoadOptions, content::Content};
use tokio_util::sync::CancellationToken;

use super::{MOST_CHARS, Unreadable};
use pen::Pen;

const MOST_PAGES: usize = 500;
/// What one stream may inflate to: far more than a page of text needs.
const STREAM_BYTES: usize = 32 * 1024 * 1024;

/// The text of all pages. Text inside embedded forms is left out.
pub(super) fn text(bytes: &[u8], stop: &CancellationToken) -> Result<String, Unreadable> {
    let options = LoadOptions { max_decompressed_size: Some(STREAM_BYTES), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(|error| unreadable(&error))?;
    // A PDF that opens with the empty password is decrypted by now.
    if document.trailer.get(b"Encrypt").is_ok() && !document.was_encrypted() {
        return Err(Unreadable::Encrypted);
    }
    let pages: Vec<_> = document.page_iter().take(MOST_PAGES + 1).collect();
    if pages.len() > MOST_PAGES {
        return Err(Unreadable::TooLarge(format!("it has more than {MOST_PAGES} pages")));
    }
    if pages.is_empty() {
        return Err(Unreadable::Malformed("it has no pages".into()));
    }
    let mut text = String::new();
    for page in pages {
        if text.len() > MOST_CHARS * 4 {
            return Err(Unreadable::TooLarge(format!("it holds more than {MOST_CHARS} characters")));
        }
        let fonts = document.get_page_fonts(page).map_err(|error| unreadable(&error))?;
        // A font that cannot be read takes its own text with it, not the page's.
        let fonts = fonts
            .into_iter()
            .filter_map(|(name, font)| Some((name, font.get_font_encoding_with_limit(&document, STREAM_BYTES).ok()?)));
        let content = document.get_page_content_with_limit(page, STREAM_BYTES).map_err(|error| unreadable(&error))?;
        let mut pen = Pen::new(&mut text, fonts.collect());
        for operation in Content::decode_iter(&content) {
            if stop.is_cancelled() {
                return Err(Unreadable::TooSlow);
            }
            // A broken page ends where it breaks.
            let Ok(operation) = operation else { break };
            pen.apply(&operation);
        }
        text.push_str("\n\n");
    }
    Ok(text)
}

fn unreadable(error: &Error) -> Unreadable {
    let locked = matches!(error, Error::InvalidPassword | Error::Decryption(_) | Error::UnsupportedSecurityHandler(_));
    if locked { Unreadable::Encrypted } else { Unreadable::Malformed(error.to_string()) }
}
