//! A simulated provider: answers made from the brief without a model, so that everything can be
//! tried without a key.
//!
//! The answers to steps of an analysis are plausible drafts about the business in the brief. They
//! satisfy the rules that real answers are checked by, are the same for the same request, and are
//! metered like those of the simulated provider.

mod chance;
mod context;
mod drafts;
mod edits;
mod embedding;
mod example;
mod faults;
mod streamed;

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    catalog::{Effort, ServiceTier},
    usage::Usage,
};
use ports::{
    Billing, Citation, Embedder, Embeddings, Finish, MessageRole, ModelAnswer, ModelMessage,
    ModelProvider, ModelRequest, NextMove, OutputSchema, Pieces, ProviderError,
};

use chance::Chance;
use context::Context;
use faults::{FaultKind, FaultPlan};
pub use faults::{Faults, InvalidFaults};

/// Simulates a provider without calling it.
pub struct Simulated {
    provider: String,
    latency: Duration,
    seed: u64,
    faults: FaultPlan,
}

impl Simulated {
    /// Simulates the provider with this name in the catalogue, `openai` or `gemini`. Each answer
    /// takes `latency`; `seed` varies all answers.
    pub fn new(provider: &str, latency: Duration, seed: u64, faults: Faults) -> Self {
        Self { provider: provider.into(), latency, seed, faults: FaultPlan::new(faults) }
    }

    /// Waits for the latency and injects faults. Returns whether the answer is to be damaged.
    async fn attempt(&self, request: Chance) -> Result<bool, ProviderError> {
        let fault_kind = self.faults.next(request);
        tokio::time::sleep(self.latency).await;
        match fault_kind {
            Some(FaultKind::Failure(error)) => Err(error),
            Some(FaultKind::Cut) => {
                Err(lost("connection_lost", "the connection broke in the middle of the answer"))
            }
            Some(FaultKind::Stall) => Err(lost("timeout", "no answer in time")),
            Some(FaultKind::InvalidAnswer) => Ok(true),
            None => Ok(false),
        }
    }

    fn chance(&self, request: &ModelRequest) -> Chance {
        self.chance_of(request, &request.messages)
    }

    /// The source of choices for the request as if it had only these messages.
    fn chance_of(&self, request: &ModelRequest, messages: &[ModelMessage]) -> Chance {
        let start = Chance::new(self.seed).with(&request.model);
        messages.iter().fold(start, |chance, message| chance.with(&message.content))
    }

    fn answer(&self, request: &ModelRequest, chance: Chance, is_spoilt: bool) -> ModelAnswer {
        let mut text = self.write(request, chance);
        if is_spoilt {
            text.truncate(text.floor_char_boundary(text.len() / 2));
        }
        metered(request, text, chance)
    }

    fn write(&self, request: &ModelRequest, chance: Chance) -> String {
        let asked = request.messages.iter().filter(|message| message.role == MessageRole::User);
        let asked: Vec<&str> = asked.map(|message| message.content.as_str()).collect();
        let Some(OutputSchema { name, schema }) = &request.schema else {
            return example::paragraph(asked.last().unwrap_or(&""), chance);
        };
        let answer = match name.as_str() {
            "edits" => {
                edits::write(&request.messages, |messages| self.chance_of(request, messages))
            }
            step => step
                .parse()
                .ok()
                .and_then(|step| drafts::write(step, &Context::read(&asked)?, chance)),
        };
        answer.unwrap_or_else(|| example::value(schema, chance)).to_string()
    }
}

/// A failure after the model had begun.
fn lost(code: &str, message: &str) -> ProviderError {
    let (code, message) = (code.into(), format!("simulated: {message}"));
    ProviderError { code, message, next: NextMove::NextModel, billing: Billing::Unknown }
}

#[async_trait]
impl ModelProvider for Simulated {
    fn name(&self) -> &str {
        &self.provider
    }

    fn simulated(&self) -> bool {
        true
    }

    fn offers(&self, service: ServiceTier) -> bool {
        service == ServiceTier::Standard || self.provider == "openai"
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError> {
        let chance = self.chance(request);
        let is_spoilt = self.attempt(chance).await?;
        Ok(self.answer(request, chance, is_spoilt))
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        let chance = self.chance(request);
        let fault_kind = self.faults.next(chance);
        if let Some(FaultKind::Failure(error)) = fault_kind {
            tokio::time::sleep(self.latency).await;
            return Err(error);
        }
        let answer = self.answer(request, chance, fault_kind == Some(FaultKind::InvalidAnswer));
        let ending = match fault_kind {
            Some(FaultKind::Cut) => streamed::Ending::Cut,
            Some(FaultKind::Stall) => streamed::Ending::Silence(request.idle_timeout),
            Some(FaultKind::InvalidAnswer | FaultKind::Failure(_)) | None => {
                streamed::Ending::Answer
            }
        };
        Ok(streamed::pieces(answer, self.latency, ending))
    }
}

#[async_trait]
impl Embedder for Simulated {
    async fn embed(
        &self,
        model: &str,
        texts: &[String],
        _timeout: Duration,
    ) -> Result<Embeddings, ProviderError> {
        let chance =
            texts.iter().fold(Chance::new(self.seed).with(model), |chance, text| chance.with(text));
        self.attempt(chance).await?;
        let tokens = texts.iter().map(|text| tokens(text)).sum();
        let vectors = texts.iter().map(|text| embedding::embed(text)).collect();
        Ok(Embeddings { vectors, input_tokens: Some(tokens) })
    }
}

/// The answer with its simulated usage, cut at the output bound.
fn metered(request: &ModelRequest, mut text: String, chance: Chance) -> ModelAnswer {
    let input = request.messages.iter().map(|message| tokens(&message.content)).sum();
    let reasoning = reasoning_tokens(request.effort).min(request.max_output_tokens);
    let room = request.max_output_tokens - reasoning;
    let mut finish = Finish::Stop;
    if tokens(&text) > room {
        let bytes = usize::try_from(room * BYTES_PER_TOKEN).unwrap_or(usize::MAX);
        text.truncate(text.floor_char_boundary(bytes));
        finish = Finish::Length;
    }
    let searches = u64::from(request.max_searches > 0);
    let usage = Usage { reasoning, searches, ..Usage::of(input, reasoning + tokens(&text)) };
    let sources = (searches > 0).then(|| source(&text, chance));
    ModelAnswer {
        finish,
        citations: sources.into_iter().collect(),
        service_tier: request.service_tier,
        provider_response_id: Some(format!("simulated-{:016x}", chance.with(&text).bits())),
        ..ModelAnswer::text(&request.model, text, Some(usage))
    }
}

/// A citation that nobody can mistake for a real page: its address cannot exist.
fn source(text: &str, chance: Chance) -> Citation {
    Citation {
        url: format!("https://simulated.invalid/{:08x}", chance.with("source").bits() >> 32),
        title: "Simulated source".into(),
        start: 0,
        end: text.chars().count() as u64,
    }
}

const BYTES_PER_TOKEN: u64 = 4;

fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

/// Reasoning tokens near the median of reasoning models on steps of an analysis.
fn reasoning_tokens(effort: Option<Effort>) -> u64 {
    match effort {
        None | Some(Effort::None) => 0,
        Some(Effort::Minimal) => 60,
        Some(Effort::Low) => 200,
        Some(Effort::Medium) => 600,
        Some(Effort::High) => 1_200,
        Some(Effort::Xhigh | Effort::Max) => 2_400,
    }
}

#[cfg(test)]
mod tests;
