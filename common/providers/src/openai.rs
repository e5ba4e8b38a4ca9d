//! OpenAI: the Responses API, and chat completions for every compatible server (Ollama, vLLM,
//! gateways).

mod background;
pub(crate) mod chat;
mod embeddings;
mod models;
pub(crate) mod responses;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    catalog::{Effort, ServiceTier},
    usage::Usage,
};
use ports::{
    BackgroundCalls, Citation, Embedder, Embeddings, ListedModel, MessageRole, ModelAnswer,
    ModelProvider, ModelRequest, NextMove, Pieces, ProviderError, SecretError, SecretSource,
};
use reqwest::{RequestBuilder, header::AUTHORIZATION};
use serde_json::Value;

use crate::{
    client::{Address, Client, key_header, unpaid},
    http::exchange,
    stream::{Patience, open},
};

/// OpenAI's address.
pub const OPENAI: &str = "https://api.openai.com/v1";
/// Timeout for the list of models.
const LISTING: Duration = Duration::from_secs(30);

/// The protocol that a server is called with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// `/responses`: OpenAI itself. GPT-6 accepts tools only here.
    Responses,
    /// `/chat/completions`: what compatible servers offer.
    ChatCompletions,
}

/// A client of OpenAI or of a compatible server.
pub struct OpenAi {
    base_url: String,
    /// The addresses of the calls of each API.
    responses: Address,
    chat: Address,
    api: Api,
    offers_background: bool,
    secrets: Arc<dyn SecretSource>,
    client: Client,
}

/// The secret that holds the key.
pub const KEY: &str = "openai_api_key";

impl OpenAi {
    /// A client of the server at `base_url`, which includes `/v1`. The client is built, and its key
    /// read, at the first request.
    pub fn new(base_url: &str, api: Api, secrets: Arc<dyn SecretSource>) -> Self {
        let base_url = base_url.trim_end_matches('/');
        Self {
            base_url: base_url.into(),
            responses: Address::new(format!("{base_url}/responses")),
            chat: Address::new(format!("{base_url}/chat/completions")),
            api,
            offers_background: true,
            secrets,
            client: Client::default(),
        }
    }

    /// The same client without background calls, for projects whose prompts may not be stored at
    /// the provider.
    #[must_use]
    pub fn connected_only(mut self) -> Self {
        self.offers_background = false;
        self
    }

    fn client(&self) -> Result<&reqwest::Client, ProviderError> {
        self.client.get()
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url)
    }

    async fn authorised(&self, request: RequestBuilder) -> Result<RequestBuilder, ProviderError> {
        match self.secrets.secret(KEY).await {
            Ok(key) => Ok(request.header(AUTHORIZATION, key_header("Bearer ", &key)?)),
            // A self-hosted server may need no key.
            Err(SecretError::NotFound(_)) if self.base_url != OPENAI => Ok(request),
            Err(error @ SecretError::NotFound(_)) => {
                Err(unpaid("no_key", &error, NextMove::NextModel))
            }
            Err(error @ SecretError::Unavailable(_)) => {
                Err(unpaid("key_unavailable", &error, NextMove::Retry { after: None }))
            }
        }
    }

    async fn posted(
        &self,
        address: &Address,
        body: &Value,
    ) -> Result<RequestBuilder, ProviderError> {
        self.authorised(address.post(self.client()?)?.json(body)).await
    }

    async fn post(
        &self,
        address: &Address,
        body: &Value,
        timeout: Duration,
    ) -> Result<Value, ProviderError> {
        Ok(exchange(self.posted(address, body).await?, timeout).await?.body)
    }
}

#[async_trait]
impl ModelProvider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn offers(&self, service: ServiceTier) -> bool {
        service == ServiceTier::Standard || self.api == Api::Responses
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError> {
        match self.api {
            Api::Responses => {
                let answer =
                    self.post(&self.responses, &responses::body(request), request.timeout).await?;
                responses::parse(&answer)
            }
            Api::ChatCompletions => {
                let answer = self.post(&self.chat, &chat::body(request), request.timeout).await?;
                chat::parse(&answer)
            }
        }
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        let patience = Patience { timeout: request.timeout, idle: request.idle_timeout };
        match self.api {
            Api::Responses => {
                let posted = self.posted(&self.responses, &responses::streamed(request)).await?;
                open(posted, patience, responses::ResponseStream).await
            }
            Api::ChatCompletions => {
                let posted = self.posted(&self.chat, &chat::streamed(request)).await?;
                open(posted, patience, chat::ChatStream::default()).await
            }
        }
    }

    fn background(&self) -> Option<&dyn BackgroundCalls> {
        (self.api == Api::Responses && self.offers_background).then_some(self)
    }

    async fn listed(&self) -> Result<Option<Vec<ListedModel>>, ProviderError> {
        let request = self.authorised(self.client()?.get(self.url("models"))).await?;
        match exchange(request, LISTING).await {
            Ok(reply) => models::parse(&reply.body).map(Some),
            // Not every compatible server lists its models.
            Err(error) if error.code == "model_not_found" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Embedder for OpenAi {
    async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Duration,
    ) -> Result<Embeddings, ProviderError> {
        let answer = self
            .post(&Address::new(self.url("embeddings")), &embeddings::body(model, texts), timeout)
            .await?;
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

/// Usage with the field names of either protocol; `None` unless both totals are present.
fn usage(
    usage: &Value,
    (input, output): (&str, &str),
    (input_details, output_details): (&str, &str),
) -> Option<Usage> {
    let detail = |group: &str, field: &str| usage[group][field].as_u64().unwrap_or(0);
    let (input, output) = (usage[input].as_u64()?, usage[output].as_u64()?);
    // Parts are capped at their totals, whatever a compatible server counts.
    let cached_input = detail(input_details, "cached_tokens").min(input);
    Some(Usage {
        input,
        output,
        cached_input,
        cache_write: detail(input_details, "cache_write_tokens").min(input - cached_input),
        reasoning: detail(output_details, "reasoning_tokens").min(output),
        searches: 0,
    })
}

/// Citations in a part of an answer, with offsets shifted by the length of the text before it.
fn cited<'a>(sources: impl Iterator<Item = &'a Value>, before: &str, text: &str) -> Vec<Citation> {
    let (offset, length) = (before.chars().count() as u64, text.chars().count() as u64);
    let citation = |source: &Value| {
        let place = |field: &str| source[field].as_u64().unwrap_or(0).min(length);
        let (start, end) = (place("start_index"), place("end_index"));
        Some(Citation {
            url: source["url"].as_str()?.into(),
            title: source["title"].as_str().unwrap_or_default().into(),
            start: offset + start,
            end: offset + end.max(start),
        })
    };
    sources.filter_map(citation).collect()
}
