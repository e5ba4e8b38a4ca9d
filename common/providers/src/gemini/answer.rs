//! Parses `generateContent` answers, whole or in chunks.

use domain::{catalog::ServiceTier, usage::Usage};
use ports::{Billing, Finish, ModelAnswer, NextMove, ProviderError, ToolCall};
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{grounding, is_second_generation, text};
use crate::{
    http::{ANSWER_BYTES, broke_off, failure, unreadable},
    tier,
};

/// The service tier that an answer's headers name.
pub(super) fn tier(headers: &HeaderMap) -> Option<ServiceTier> {
    let named = headers.get("x-gemini-service-tier")?.to_str().ok()?;
    Some(tier::served(Some(named)))
}

/// Parses a whole answer.
pub(super) fn parse(
    answer: &Value,
    tier: Option<ServiceTier>,
) -> Result<ModelAnswer, ProviderError> {
    let mut partial = PartialAnswer { tier, ..PartialAnswer::default() };
    partial.read(answer)?;
    // A server that gives no finish reason has finished.
    partial.finish_reason.get_or_insert_with(|| "STOP".into());
    partial.answer()
}

/// An answer as far as it has been received.
#[derive(Default)]
pub(super) struct PartialAnswer {
    pub(super) text: String,
    pub(super) tier: Option<ServiceTier>,
    pub(super) usage: Option<Usage>,
    finish_reason: Option<String>,
    block_reason: Option<String>,
    model: Option<String>,
    id: Option<String>,
    calls: Vec<(Option<String>, String, String)>,
    /// Byte offsets at which the parts of the answer begin in the text.
    parts: Vec<usize>,
    grounding: Value,
    queries: u64,
}

impl PartialAnswer {
    /// Parses an answer or a chunk of one, and returns its new text.
    pub(super) fn read(&mut self, chunk: &Value) -> Result<String, ProviderError> {
        if chunk["error"].is_object() {
            return Err(broke_off(&chunk["error"]));
        }
        let keep = |new: Option<&str>, old: &mut Option<String>| {
            if let Some(new) = new {
                *old = Some(new.into());
            }
        };
        let candidate = &chunk["candidates"][0];
        keep(text(chunk, "modelVersion"), &mut self.model);
        keep(text(chunk, "responseId"), &mut self.id);
        keep(text(&chunk["promptFeedback"], "blockReason"), &mut self.block_reason);
        keep(text(candidate, "finishReason"), &mut self.finish_reason);
        let words = self.read_parts(&candidate["content"]["parts"]);
        let metadata = &candidate["groundingMetadata"];
        if metadata.is_object() {
            let queries =
                metadata["webSearchQueries"].as_array().map_or(0, |queries| queries.len() as u64);
            self.queries = self.queries.max(queries);
            self.grounding = metadata.clone();
        }
        let about = &chunk["usageMetadata"];
        self.usage = usage(about).or(self.usage);
        let named = text(about, "serviceTier").or(text(about, "trafficType"));
        self.tier = named.map(|name| tier::served(Some(name))).or(self.tier);
        if self.text.len() > ANSWER_BYTES {
            return Err(unreadable("the answer is larger than 16 MiB"));
        }
        Ok(words)
    }

    fn read_parts(&mut self, parts: &Value) -> String {
        let mut words = String::new();
        for part in parts.as_array().into_iter().flatten() {
            self.parts.push(self.text.len() + words.len());
            if part["thought"] == true {
                continue;
            }
            if let Some(said) = part["text"].as_str() {
                words.push_str(said);
            }
            let call = &part["functionCall"];
            if let Some(name) = call["name"].as_str() {
                let arguments =
                    if call["args"].is_object() { call["args"].to_string() } else { "{}".into() };
                self.calls.push((text(call, "id").map(Into::into), name.into(), arguments));
            }
        }
        self.text.push_str(&words);
        words
    }

    /// Whether a finish reason has been received.
    pub(super) fn has_ended(&self) -> bool {
        self.finish_reason.is_some() || self.block_reason.is_some()
    }

    /// Usage so far, searches included.
    pub(super) fn consumed(&self) -> Option<Usage> {
        // The second generation bills prompts that searched; later ones bill each search.
        let per_prompt = self.model.as_deref().is_some_and(is_second_generation);
        let searches = if per_prompt { self.queries.min(1) } else { self.queries };
        self.usage.map(|usage| Usage { searches, ..usage })
    }

    /// The complete answer.
    pub(super) fn answer(self) -> Result<ModelAnswer, ProviderError> {
        let usage = self.consumed();
        let finish = match (self.block_reason, self.finish_reason.as_deref()) {
            (Some(reason), _) => Finish::Safety(reason),
            (None, Some("STOP")) => Finish::Stop,
            (None, Some("MAX_TOKENS")) => Finish::Length,
            (
                None,
                Some(
                    reason
                    @ ("SAFETY" | "RECITATION" | "PROHIBITED_CONTENT" | "SPII" | "BLOCKLIST"),
                ),
            ) => Finish::Safety(reason.into()),
            // The model produced a malformed call or gave up: another model may succeed.
            (None, reason) => {
                let reason = reason.unwrap_or("NONE").to_ascii_lowercase();
                let message = format!("the answer ended with {reason:.40}");
                return Err(failure(
                    &format!("{reason:.40}"),
                    message,
                    NextMove::NextModel,
                    Billing::Unknown,
                ));
            }
        };
        let model = self.model.ok_or_else(|| unreadable("the answer names no model"))?;
        if self.text.is_empty() && self.calls.is_empty() && finish == Finish::Stop {
            return Err(unreadable("the answer holds no text"));
        }
        // Results are matched by call id, which this API may leave out: the answer's id makes a
        // generated one unique.
        let prefix = self.id.as_deref().unwrap_or("call");
        let call = |(place, (id, name, arguments)): (usize, (Option<String>, String, String))| {
            ToolCall { id: id.unwrap_or_else(|| format!("{prefix:.48}_{place}")), name, arguments }
        };
        Ok(ModelAnswer {
            finish,
            citations: grounding::citations(&self.grounding, &self.text, &self.parts),
            tool_calls: self.calls.into_iter().enumerate().map(call).collect(),
            service_tier: self.tier.unwrap_or_default(),
            provider_response_id: self.id,
            ..ModelAnswer::text(model.strip_prefix("models/").unwrap_or(&model), self.text, usage)
        })
    }
}

/// Google counts thoughts apart from the output, and what tools read apart from the prompt; it
/// leaves out counts of zero.
fn usage(about: &Value) -> Option<Usage> {
    let prompt = about["promptTokenCount"].as_u64()?;
    let count = |field: &str| about[field].as_u64().unwrap_or(0);
    let input = prompt.saturating_add(count("toolUsePromptTokenCount"));
    let reasoning = count("thoughtsTokenCount");
    let output = count("candidatesTokenCount").saturating_add(reasoning);
    Some(Usage {
        input,
        cached_input: count("cachedContentTokenCount").min(input),
        // What the total holds beyond its parts is counted as output of a kind that has no name
        // yet.
        output: output.max(count("totalTokenCount").saturating_sub(input)),
        reasoning,
        ..Usage::default()
    })
}
