//! Entry points for fuzzing: how a stream of bytes is parsed, without a network.

pub use ports::{ModelAnswer, Piece, ProviderError};
use serde_json::Value;

use crate::{
    gemini::{self, GeminiStream},
    openai::{chat, responses},
    sse::Events,
    stream::{Protocol, Reader},
};

/// What a stream gave, in order.
pub type Outcome = Vec<Result<Piece, ProviderError>>;

/// The data of the events in some bytes; `None` marks an event that is too large.
pub fn sse(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut events = Events::default();
    let mut data: Vec<_> =
        chunks.iter().flat_map(|chunk| events.push(chunk)).map(Result::ok).collect();
    data.extend(events.end().map(Some));
    data
}

/// Parses a streamed response of the Responses API.
pub fn openai_responses(chunks: &[&[u8]]) -> Outcome {
    read(responses::ResponseStream, chunks)
}

/// Parses a streamed chat completion.
pub fn openai_chat(chunks: &[&[u8]]) -> Outcome {
    read(chat::ChatStream::default(), chunks)
}

/// Parses a streamed answer of Gemini.
pub fn gemini(chunks: &[&[u8]]) -> Outcome {
    read(GeminiStream::default(), chunks)
}

/// A whole answer as each of the three protocols parses it.
pub fn whole(answer: &Value) -> [Result<ModelAnswer, ProviderError>; 3] {
    [responses::parse(answer), chat::parse(answer), gemini::whole(answer)]
}

fn read(protocol: impl Protocol, chunks: &[&[u8]]) -> Outcome {
    let mut reader = Reader::new(protocol);
    let mut outcome: Outcome = chunks.iter().flat_map(|chunk| reader.read(chunk)).collect();
    outcome.extend(reader.end());
    outcome
}
