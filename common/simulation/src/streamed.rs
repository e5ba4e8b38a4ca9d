//! Streams an answer in pieces, as a model would.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use ports::{ModelAnswer, Piece, Pieces, ProviderError};

use super::lost;

/// The most pieces of text.
const MOST_PIECES: usize = 8;

/// How a stream ends.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// With the answer.
    Answer,
    /// Breaks off in the middle.
    Cut,
    /// Breaks off in the middle after this silence.
    Silence(Duration),
}

/// The answer's text piece by piece, with the latency spread between them, and then the ending.
pub(super) fn pieces(answer: ModelAnswer, latency: Duration, ending: Ending) -> Pieces {
    let mut texts = split(&answer.text);
    if !matches!(ending, Ending::Answer) {
        texts.truncate(texts.len() / 2);
    }
    let pause = latency / u32::try_from(texts.len() + 1).unwrap_or(u32::MAX);
    let texts = stream::iter(texts).map(|text| Ok(Piece::Text(text)));
    let pieces = texts.chain(stream::once(async move { end(answer, ending).await }));
    let paused = pieces.then(move |piece| async move {
        tokio::time::sleep(pause).await;
        piece
    });
    paused.boxed()
}

async fn end(answer: ModelAnswer, ending: Ending) -> Result<Piece, ProviderError> {
    match ending {
        Ending::Answer => Ok(Piece::Answer(answer.into())),
        Ending::Cut => Err(lost("stream_cut", "the stream broke off before its end")),
        Ending::Silence(silence) => {
            tokio::time::sleep(silence).await;
            Err(lost("stalled", "the stream fell silent"))
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let size = text.len().div_ceil(MOST_PIECES).max(1);
    let (mut rest, mut pieces) = (text, Vec::new());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size));
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces
}
