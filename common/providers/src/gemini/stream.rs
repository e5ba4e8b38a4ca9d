//! The chunks of `streamGenerateContent`.

use ports::{ModelAnswer, Piece, ProviderError};
use reqwest::header::HeaderMap;

use super::answer::{Heard, tier};
use crate::{http::unreadable, stream::Protocol};

/// Assembles an answer from its chunks. There is no closing event: a stream is complete once it
/// gave a finish reason.
#[derive(Default)]
pub(crate) struct GeminiStream {
    heard: Heard,
}

impl Protocol for GeminiStream {
    fn headers(&mut self, headers: &HeaderMap) {
        self.heard.tier = tier(headers);
    }

    fn event(
        &mut self,
        data: &[u8],
        shown: &mut Vec<Piece>,
    ) -> Result<Option<ModelAnswer>, ProviderError> {
        let chunk = serde_json::from_slice(data).map_err(|_| unreadable("an event is not JSON"))?;
        let before = self.heard.consumed();
        let words = self.heard.read(&chunk)?;
        if !words.is_empty() {
            shown.push(Piece::Text(words));
        }
        let consumed = self.heard.consumed().filter(|consumed| before != Some(*consumed));
        shown.extend(consumed.map(Piece::Usage));
        Ok(None)
    }

    fn end(&mut self) -> Option<Result<ModelAnswer, ProviderError>> {
        self.heard.has_ended().then(|| std::mem::take(&mut self.heard).answer())
    }
}
