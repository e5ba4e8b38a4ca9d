//! Gemini: Google's Developer API with a key, or Vertex AI with the process's service account.

mod answer;
mod body;
mod grounding;
mod models;
mod schema;
mod searching;
mod stream;
#[cfg(test)]
mod tests;
mod thinking;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use ports::{
    ListedModel, ModelAnswer, ModelProvider, ModelRequest, NextMove, Pieces, ProviderError,
    SecretError, SecretSource, TokenSource,
};
use reqwest::{RequestBuilder, header::AUTHORIZATION};
use serde_json::Value;

use crate::{
    client::{Client, key_header, unpaid},
    http::exchange,
    stream::{Patience, open},
    tier,
};

pub(crate) use stream::GeminiStream;

/// The Developer API's address.
pub const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta";
/// The secret that holds the Developer API's key.
pub const KEY: &str = "gemini_api_key";
/// Timeout for one page of the list of models.
const LISTING: Duration = Duration::from_secs(30);
/// The list has a few dozen models; a server that gives more pages than this repeats itself.
const MOST_PAGES: usize = 20;

/// Which of Google's APIs is called, and how the caller authenticates.
enum Access {
    Developer { secrets: Arc<dyn SecretSource> },
    Vertex { tokens: Arc<dyn TokenSource> },
}

/// A client of Google's models.
pub struct Gemini {
    /// The address to which `/models` is appended.
    base_url: String,
    access: Access,
    client: Client,
}

impl Gemini {
    /// A client of the Developer API at `base_url`, which includes the version. Its key is read at
    /// each request.
    pub fn developer(base_url: &str, secrets: Arc<dyn SecretSource>) -> Self {
        let base_url = base_url.trim_end_matches('/').into();
        Self { base_url, access: Access::Developer { secrets }, client: Client::default() }
    }

    /// A client of Vertex AI at `base_url` (without a version; `None` is the region's default), in
    /// a project and a region such as `europe-west4` or `global`.
    pub fn vertex(
        base_url: Option<&str>,
        project: &str,
        region: &str,
        tokens: Arc<dyn TokenSource>,
    ) -> Self {
        let own = match region {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            region => format!("https://{region}-aiplatform.googleapis.com"),
        };
        let host = base_url.map_or(own, |url| url.trim_end_matches('/').into());
        let base_url = format!("{host}/v1/projects/{project}/locations/{region}/publishers/google");
        Self { base_url, access: Access::Vertex { tokens }, client: Client::default() }
    }

    async fn authorised(&self, request: RequestBuilder) -> Result<RequestBuilder, ProviderError> {
        let unavailable =
            |error| unpaid("key_unavailable", &error, NextMove::Retry { after: None });
        match &self.access {
            Access::Developer { secrets } => match secrets.secret(KEY).await {
                Ok(key) => Ok(request.header("x-goog-api-key", key_header("", &key)?)),
                // A self-hosted server may need no key.
                Err(SecretError::NotFound(_)) if self.base_url != GEMINI => Ok(request),
                Err(error @ SecretError::NotFound(_)) => {
                    Err(unpaid("no_key", &error, NextMove::NextModel))
                }
                Err(error @ SecretError::Unavailable(_)) => Err(unavailable(error)),
            },
            Access::Vertex { tokens } => match tokens.token().await {
                Ok(token) => Ok(request.header(AUTHORIZATION, key_header("Bearer ", &token)?)),
                Err(error @ SecretError::NotFound(_)) => {
                    Err(unpaid("no_key", &error, NextMove::NextModel))
                }
                Err(error @ SecretError::Unavailable(_)) => Err(unavailable(error)),
            },
        }
    }

    async fn posted(
        &self,
        request: &ModelRequest,
        method: &str,
    ) -> Result<RequestBuilder, ProviderError> {
        let url = format!("{}/models/{}:{method}", self.base_url, checked(&request.model)?);
        let mut body = body::body(request);
        let mut posted = self.client.get()?.post(url);
        if let Some(tier) = tier::asked(request.service_tier) {
            // The service tier is a field in one API and a header in the other.
            match &self.access {
                Access::Developer { .. } => body["service_tier"] = tier.into(),
                Access::Vertex { .. } => {
                    posted = posted.header("x-vertex-ai-llm-shared-request-type", tier);
                }
            }
        }
        self.authorised(posted.json(&body)).await
    }

    /// Makes one call to the API.
    async fn call(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError> {
        let posted = self.posted(request, "generateContent").await?;
        let reply = exchange(posted, request.timeout).await?;
        answer::parse(&reply.body, answer::tier(&reply.headers))
    }

    /// Makes one call to the API and streams the answer.
    async fn call_streamed(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        let posted = self.posted(request, "streamGenerateContent?alt=sse").await?;
        let patience = Patience { timeout: request.timeout, idle: request.idle_timeout };
        open(posted, patience, GeminiStream::default()).await
    }
}

/// Parses an answer that came whole.
pub(crate) fn whole(answer: &Value) -> Result<ModelAnswer, ProviderError> {
    answer::parse(answer, None)
}

/// Refuses a model name that could change the request's path.
fn checked(model: &str) -> Result<&str, ProviderError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !model.is_empty() && model.bytes().all(is_plain) {
        return Ok(model);
    }
    Err(unpaid("model_not_found", &"this is no name of a model", NextMove::NextModel))
}

#[async_trait]
impl ModelProvider for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError> {
        if !searching::needs_two_calls(request) {
            return self.call(request).await;
        }
        let begun = Instant::now();
        let found = self.call(&searching::search(request)).await?;
        let Some(second) = searching::structure(request, &found, begun.elapsed()) else {
            return Ok(found);
        };
        let answer = self.call(&second).await.map_err(searching::after_payment)?;
        Ok(searching::together(&found, answer))
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        if !searching::needs_two_calls(request) {
            return self.call_streamed(request).await;
        }
        let begun = Instant::now();
        // The search answer is not shown to anybody, but its idle time is bounded like that of the
        // answer.
        let found = searching::last(self.call_streamed(&searching::search(request)).await?).await?;
        let Some(second) = searching::structure(request, &found, begun.elapsed()) else {
            return Ok(ports::whole(found));
        };
        let pieces = self.call_streamed(&second).await.map_err(searching::after_payment)?;
        Ok(searching::joined(found, pieces))
    }

    async fn listed(&self) -> Result<Option<Vec<ListedModel>>, ProviderError> {
        // Vertex lists what could be deployed, not what this project can call.
        let Access::Developer { .. } = self.access else { return Ok(None) };
        let (mut listed, mut page) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let parameters =
                page.iter().map(|page| ("pageToken", page.as_str())).chain([("pageSize", "1000")]);
            let url =
                reqwest::Url::parse_with_params(&format!("{}/models", self.base_url), parameters);
            let url = url.map_err(|error| unpaid("connection", &error, NextMove::NextModel))?;
            let reply =
                exchange(self.authorised(self.client.get()?.get(url)).await?, LISTING).await?;
            listed.extend(models::parse(&reply.body)?);
            page = reply.body["nextPageToken"]
                .as_str()
                .filter(|page| !page.is_empty())
                .map(Into::into);
            if page.is_none() {
                break;
            }
        }
        Ok(Some(listed))
    }
}

/// Whether a model is of the generation that bounds thoughts in tokens and bills searches by
/// prompt.
fn is_second_generation(model: &str) -> bool {
    model.starts_with("gemini-2")
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field].as_str().filter(|text| !text.is_empty())
}
