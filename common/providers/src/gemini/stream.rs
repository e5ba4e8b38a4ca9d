//! The chunks of `streamGenerateContent`.

use ports::{ModelAnswer, Piece, ProviderError};
use reqwest::header::HeaderMap;

use super::answer::{PartialAnswer, tier};
use crate::{http::unreadable, stream::Protocol};

/// Assembles an answer from its chunks. There is no closing event: a stream is complete once it
/// gave a finish reason.
#[derive(Default)]
pub(crate) struct GeminiStream {
    partial: PartialAnswer,
}

impl Protocol for GeminiStream {
    fn headers(&mut self, headers: &HeaderMap) {
        self.partial.tier = tier(headers);
    }

    fn event(
        &mut self,
        data: &[u8],
        shown: &mut Vec<Piece>,
    ) -> Result<Option<ModelAnswer>, ProviderError> {
        let chunk = serde_json::from_slice(data).map_err(|_| unreadable("an event is not JSON"))?;
        let before = self.partial.consumed();
        let words = self.partial.read(&chunk)?;
        if !words.is_empty() {
            shown.push(Piece::Text(words));
        }
        let consumed = self.partial.consumed().filter(|consumed| before != Some(*consumed));
        shown.extend(consumed.map(Piece::Usage));
        Ok(None)
    }

    fn end(&mut self) -> Option<Result<ModelAnswer, ProviderError>> {
        self.partial.has_ended().then(|| std::mem::take(&mut self.partial).answer())
    }
}
