//! Loads a PDF and finds its pages, within an allowance.

use lopdf::{Document, LoadOptions, ObjectId};
use tokio_util::sync::CancellationToken;

use super::{super::Unreadable, STREAM_BYTES, allowance, unreadable};

const MOST_PAGES: usize = 500;

/// The document and its pages. If the cross-reference table leads to no pages, it is rebuilt from
/// the objects.
pub(super) fn load(
    bytes: &[u8],
    stop: &CancellationToken,
) -> Result<(Document, Vec<ObjectId>), Unreadable> {
    // The parser does not pass encrypted objects to its filter, so nothing would bound encrypted
    // object streams.
    if names(bytes, b"Encrypt") && names(bytes, b"ObjStm") {
        return Err(Unreadable::Encrypted);
    }
    let document = loaded(bytes, stop)?;
    let found = pages(&document)?;
    if !found.is_empty() {
        return Ok((document, found));
    }
    let document = loaded(&without_table(bytes), stop)?;
    let found = pages(&document)?;
    if found.is_empty() {
        Err(Unreadable::Malformed("it has no pages".into()))
    } else {
        Ok((document, found))
    }
}

fn loaded(bytes: &[u8], stop: &CancellationToken) -> Result<Document, Unreadable> {
    let filter: Option<lopdf::FilterFunc> = Some(allowance::count);
    let options =
        LoadOptions { max_decompressed_size: Some(STREAM_BYTES), filter, ..LoadOptions::default() };
    let loaded = allowance::within(stop, || Document::load_mem_with_options(bytes, options))?;
    let document = loaded.map_err(|error| unreadable(&error))?;
    // A PDF that opens with the empty password is decrypted by now.
    let is_closed = document.trailer.get(b"Encrypt").is_ok() && !document.was_encrypted();
    if is_closed { Err(Unreadable::Encrypted) } else { Ok(document) }
}

/// Collects the pages one by one, because the page count in the file cannot be trusted.
fn pages(document: &Document) -> Result<Vec<ObjectId>, Unreadable> {
    let mut pages = Vec::new();
    for page in document.page_iter() {
        if pages.len() == MOST_PAGES {
            return Err(Unreadable::TooLarge(format!("it has more than {MOST_PAGES} pages")));
        }
        pages.push(page);
    }
    Ok(pages)
}

/// Whether a name occurs anywhere in the file, in any spelling; without an occurrence the feature
/// is not used.
fn names(bytes: &[u8], name: &[u8]) -> bool {
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.into_iter().any(|(at, _)| starts_as(&bytes[at + 1..], name))
}

/// A character of a name may be written as `#` and two hexadecimal digits.
fn starts_as(mut written: &[u8], name: &[u8]) -> bool {
    name.iter().all(|expected| {
        let (char, rest) = match written {
            [b'#', high, low, rest @ ..] => {
                let digits = [*high, *low];
                let char = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                (char.unwrap_or_default(), rest)
            }
            [char, rest @ ..] => (*char, rest),
            [] => return false,
        };
        written = rest;
        char == *expected
    })
}

/// The file without the pointers to its cross-reference table.
fn without_table(bytes: &[u8]) -> Vec<u8> {
    const LEAD: &[u8] = b"startxref";
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(LEAD.len()) {
        if bytes[at..].starts_with(LEAD) {
            bytes[at] = b'%';
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for (file, expect) in [
            ("<< /Encrypt 5 0 R >>", true),
            ("<</#45ncr#79pt<<", true),
            ("/Encryp", false),
            ("Encrypt", false),
            ("/encrypt /#4", false),
        ] {
            assert_eq!(names(file.as_bytes(), b"Encrypt"), expect, "{file}");
        }
    }
}
