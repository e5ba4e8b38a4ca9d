//! OpenAI: the Responses API, and chat completions for any server that speaks them (Ollama, vLLM, gateways).

mod chat;
mod embeddings;
mod responses;
mod schema;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use domain::{catalog::Effort, usage::Usage};
use ports::{Embedder, Embeddings, MessageRole, ModelAnswer, ModelProvider, ModelRequest, ProviderError, Secret};
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
    key: Option<Secret>,
    client: reqwest::Client,
}

impl OpenAi {
    /// A client of the server at `base_url` (with its `/v1`). A local server may need no key.
    pub fn new(base_url: &str, api: Api, key: Option<Secret>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).build()?;
        Ok(Self { base_url: base_url.trim_end_matches('/').into(), api, key, client })
    }

    async fn post(&self, path: &str, body: &Value, timeout: Duration) -> Result<Value, ProviderError> {
        let request = self.client.post(format!("{}/{path}", self.base_url)).json(body);
        let request = match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        };
        exchange(request, timeout).await
    }
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
