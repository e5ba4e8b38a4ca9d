//! Parses the events of a streamed response.

use ports::{ModelAnswer, Piece, ProviderError};
use serde_json::Value;

use super::parse;
use crate::{
    http::{broke_off, unreadable},
    stream::Protocol,
};

/// Emits the text as it arrives; the answer is the response in the last event.
#[derive(Default)]
pub(crate) struct ResponseStream;

impl Protocol for ResponseStream {
    fn event(
        &mut self,
        data: &[u8],
        shown: &mut Vec<Piece>,
    ) -> Result<Option<ModelAnswer>, ProviderError> {
        if data == b"[DONE]" {
            // Compatible servers send it last; it does not tell how the answer ended.
            return Ok(None);
        }
        let event: Value =
            serde_json::from_slice(data).map_err(|_| unreadable("an event is not JSON"))?;
        match event["type"].as_str() {
            Some(kind @ ("response.output_text.delta" | "response.refusal.delta")) => {
                let piece =
                    if kind == "response.refusal.delta" { Piece::Refusal } else { Piece::Text };
                let words = event["delta"].as_str().filter(|words| !words.is_empty());
                shown.extend(words.map(|words| piece(words.into())));
                Ok(None)
            }
            Some("response.completed" | "response.incomplete" | "response.failed") => {
                parse(&event["response"]).map(Some)
            }
            Some("error") => {
                Err(broke_off(if event["error"].is_object() { &event["error"] } else { &event }))
            }
            None if event["error"].is_object() => Err(broke_off(&event["error"])),
            // Keep-alive events, and parts that the last event repeats.
            _ => Ok(None),
        }
    }
}
