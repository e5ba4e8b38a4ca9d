//! OpenAI: the Responses API, and chat completions for any server that speaks them (Ollama, vLLM, gateways).

mod chat;
mod embeddings;
mod responses;
mod schema;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use domain::{catalog::Effort, usage::Usage};
use ports::{
    Billing, Embedder, Embeddings, MessageRole, ModelAnswer, ModelProvider, ModelRequest, NextMove, Pieces,
    ProviderError, SecretError, SecretSource, whole,
};
use serde_json::Value;

use crate::http::exchange;

/// OpenAI's own address.
pub const OPENAI: &str = "https://api.openai.com/v1";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which of the two protocols a server is spoken to in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// `/responses`: OpenAI itself. GPT-6 takes tools only here.
    Responses,
    /// `/chat/completions`: what compatible servers offer.
    ChatCompletions,
}

/// A client of OpenAI or of a compatible server.
pub struct OpenAi {
    base_url: String,
    api: Api,
    secrets: Arc<dyn SecretSource>,
    client: OnceLock<reqwest::Client>,
}

/// The secret that holds the key.
pub const KEY: &str = "openai_api_key";

impl OpenAi {
    /// A client of the server at `base_url` (with its `/v1`). It is built, and its key read, at the first request.
    pub fn new(base_url: &str, api: Api, secrets: Arc<dyn SecretSource>) -> Self {
        Self { base_url: base_url.trim_end_matches('/').into(), api, secrets, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&reqwest::Client, ProviderError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).build();
        let built = built.map_err(|error| unpaid("client", &error, NextMove::NextModel))?;
        Ok(self.client.get_or_init(|| built))
    }

    async fn post(&self, path: &str, body: &Value, timeout: Duration) -> Result<Value, ProviderError> {
        let request = self.client()?.post(format!("{}/{path}", self.base_url)).json(body);
        let request = match self.secrets.secret(KEY).await {
            Ok(key) => request.bearer_auth(key.expose()),
            // A server of one's own may need none.
            Err(SecretError::NotFound(_)) if self.base_url != OPENAI => request,
            Err(error @ SecretError::NotFound(_)) => return Err(unpaid("no_key", &error, NextMove::NextModel)),
            Err(error @ SecretError::Unavailable(_)) => {
                return Err(unpaid("key_unavailable", &error, NextMove::Retry { after: None }));
            }
        };
        exchange(request, timeout).await
    }
}

fn unpaid(code: &str, error: &impl std::fmt::Display, next: NextMove) -> ProviderError {
    ProviderError { code: code.into(), message: error.to_string(), next, billing: Billing::None }
}

#[async_trait]
impl ModelProvider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError> {
        match self.api {
            Api::Responses => {
                let answer = self.post("responses", &responses::body(request), request.timeout).await?;
                responses::parse(&answer)
            }
            Api::ChatCompletions => {
                let answer = self.post("chat/completions", &chat::body(request), request.timeout).await?;
                chat::parse(&answer)
            }
        }
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        self.generate(request).await.map(whole)
    }
}

#[async_trait]
impl Embedder for OpenAi {
    async fn embed(&self, model: &str, texts: &[String], timeout: Duration) -> Result<Embeddings, ProviderError> {
        let answer = self.post("embeddings", &embeddings::body(model, texts), timeout).await?;
        embeddings::parse(&answer, texts.len())
    }
}

fn role(role: MessageRole) -> &'static str {
    match role {
        MessageRole::System => "system",
        MessageRole::User => "user",
        MessageRole::Assistant => "assistant",
        MessageRole::Tool => "tool",
    }
}

fn effort(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

/// Usage with the field names of either protocol; `None` unless both totals are there.
fn usage(usage: &Value, (input, output): (&str, &str), (input_details, output_details): (&str, &str)) -> Option<Usage> {
    let detail = |group: &str, field: &str| usage[group][field].as_u64().unwrap_or(0);
    Some(Usage {
        input: usage[input].as_u64()?,
        output: usage[output].as_u64()?,
        cached_input: detail(input_details, "cached_tokens"),
        cache_write: detail(input_details, "cache_write_tokens"),
        reasoning: detail(output_details, "reasoning_tokens"),
        searches: 0,
    })
}
