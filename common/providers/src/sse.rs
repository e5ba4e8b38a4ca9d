//! Server-sent events: bytes in, the data of whole events out, independent of how the bytes were
//! split in transit.

use std::mem::take;

use crate::http::ANSWER_BYTES;

/// The error for an event larger than any answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Finds events in a stream of bytes. Only their data is kept, because providers repeat the event
/// type in it. Data stays bytes, so that a character split in two is whole before it is decoded.
#[derive(Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    after_cr: bool,
    past_first_line: bool,
    overflowed: bool,
}

impl Events {
    /// Reads more bytes and returns the events that they complete. Nothing follows an event that is
    /// too large.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Vec<Result<Vec<u8>, TooLarge>> {
        let mut events = Vec::new();
        while !bytes.is_empty() && !self.overflowed {
            if take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            if self.line.len() + self.data.as_ref().map_or(0, Vec::len) > ANSWER_BYTES {
                self.overflowed = true;
                events.push(Err(TooLarge));
                break;
            }
            let Some(end) = end else { break };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            events.extend(self.end_line().map(Ok));
        }
        events
    }

    /// The event that the stream ended in. The standard drops it, but servers that omit the last
    /// blank line mean it to count.
    pub(crate) fn end(&mut self) -> Option<Vec<u8>> {
        if self.overflowed {
            return None;
        }
        self.end_line().or_else(|| self.data.take())
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = take(&mut self.line);
        let is_first = !std::mem::replace(&mut self.past_first_line, true);
        let line =
            if is_first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        if line.is_empty() {
            return self.data.take();
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) =
            colon.map_or((line, &b""[..]), |colon| (&line[..colon], &line[colon + 1..]));
        if name == b"data" {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.into()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<Result<Vec<u8>, TooLarge>> {
        let mut decoder = Events::default();
        let mut events: Vec<_> = chunks.iter().flat_map(|chunk| decoder.push(chunk)).collect();
        events.extend(decoder.end().map(Ok));
        events
    }

    #[test]
    fn every_event_notation_is_parsed() {
        let check = |bytes: &str, expect: &[&str]| {
            let expect: Vec<_> = expect.iter().map(|data| Ok(data.as_bytes().to_vec())).collect();
            assert_eq!(events(&[bytes.as_bytes()]), expect, "{bytes:?}");
        };
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\ndata: b\r\n\r\n", &["a\nb"]);
        check("data: a\r\rdata:b\r\r", &["a", "b"]);
        check("\u{feff}data: a\n\n", &["a"]);
        check(": alive\n\nevent: x\nid: 7\ndata: a\n\n: alive\n", &["a"]);
        check("data: a\ndata:  b\ndata\n\n", &["a\n b\n"]);
        check("data: a\n\ndata: forgotten newline", &["a", "forgotten newline"]);
        check("data: a\n", &["a"]);
        check("<html>\n\nno data here\n\n", &[]);
        check("", &[]);
    }

    #[test]
    fn an_oversized_event_ends_the_stream() {
        let line =
            [b"data: ".as_slice(), &vec![b'x'; ANSWER_BYTES], b"\n\ndata: more\n\n"].concat();
        assert_eq!(events(&[b"data: a\n\n", &line]), [Ok(b"a".to_vec()), Err(TooLarge)]);
        let lines = b"data: x\n".repeat(ANSWER_BYTES / 2 + 1);
        assert_eq!(events(&[&lines]), [Err(TooLarge)]);
    }

    proptest! {
        #[test]
        fn all_three_line_endings_are_accepted(text in "(data|event|:|é|\n|\n\n| |x|data: y\n){0,40}") {
            let unix = events(&[text.as_bytes()]);
            prop_assert_eq!(&events(&[text.replace('\n', "\r\n").as_bytes()]), &unix);
            prop_assert_eq!(&events(&[text.replace('\n', "\r").as_bytes()]), &unix);
        }

        #[test]
        fn events_do_not_depend_on_chunk_boundaries(
            text in "(data|event|:|\u{feff}|é|\r|\n|\r\n| |x|data: \\{\\}\n\n){0,40}", cuts in proptest::collection::vec(0_usize..200, 0..8)
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(events(&chunks), events(&[bytes]));
        }
    }
}
