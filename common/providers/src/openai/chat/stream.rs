//! Parses the chunks of a streamed completion.

use std::collections::BTreeMap;

use ports::{ModelAnswer, Piece, ProviderError, ToolCall};
use serde_json::Value;

use super::{Completion, named};
use crate::{
    http::{ANSWER_BYTES, broke_off, unreadable},
    stream::Protocol,
};

/// Assembles a completion from its chunks. `[DONE]` ends it: without it, the stream was cut.
#[derive(Default)]
pub(crate) struct ChatStream {
    completion: Completion,
    calls: BTreeMap<u64, Call>,
}

#[derive(Default)]
struct Call {
    id: Option<String>,
    name: String,
    arguments: String,
}

impl Protocol for ChatStream {
    fn event(
        &mut self,
        data: &[u8],
        shown: &mut Vec<Piece>,
    ) -> Result<Option<ModelAnswer>, ProviderError> {
        if data == b"[DONE]" {
            return self.finished().map(Some);
        }
        let chunk: Value =
            serde_json::from_slice(data).map_err(|_| unreadable("an event is not JSON"))?;
        if chunk["error"].is_object() {
            return Err(broke_off(&chunk["error"]));
        }
        let before = self.completion.about.usage;
        self.completion.about.read(&chunk);
        if let Some(usage) = self.completion.about.usage.filter(|usage| before != Some(*usage)) {
            shown.push(Piece::Usage(usage));
        }
        let choice = &chunk["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.completion.finish_reason = Some(reason.into());
        }
        let delta = &choice["delta"];
        let words = |field: &str| delta[field].as_str().filter(|words| !words.is_empty());
        if let Some(words) = words("content") {
            self.completion.text.push_str(words);
            shown.push(Piece::Text(words.into()));
        }
        if let Some(words) = words("refusal") {
            self.completion.refusal.push_str(words);
            shown.push(Piece::Refusal(words.into()));
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.add_call(call);
        }
        let held =
            self.calls.values().map(|call| call.arguments.len() + call.name.len()).sum::<usize>();
        if self.completion.text.len() + self.completion.refusal.len() + held > ANSWER_BYTES {
            return Err(unreadable("the answer is larger than 16 MiB"));
        }
        Ok(None)
    }
}

impl ChatStream {
    /// A call arrives in parts with the same index. Servers that give no index send whole calls.
    fn add_call(&mut self, part: &Value) {
        let next = || self.calls.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let index = part["index"].as_u64().unwrap_or_else(next);
        let call = self.calls.entry(index).or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(id) = part["id"].as_str().filter(|id| !id.is_empty()) {
            call.id = Some(id.into());
        }
        call.name.push_str(&text(&part["function"]["name"]));
        call.arguments.push_str(&text(&part["function"]["arguments"]));
    }

    fn finished(&mut self) -> Result<ModelAnswer, ProviderError> {
        let mut completion = std::mem::take(&mut self.completion);
        let calls = std::mem::take(&mut self.calls).into_values().enumerate();
        let call = |(place, call): (usize, Call)| ToolCall {
            id: named(call.id.as_deref(), place),
            name: call.name,
            arguments: call.arguments,
        };
        completion.tool_calls = calls.map(call).collect();
        completion.answer()
    }
}
