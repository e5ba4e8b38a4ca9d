//! Background responses: calls that continue without a connection.

use std::time::Duration;

use async_trait::async_trait;
use ports::{BackgroundCalls, Billing, ModelAnswer, ModelRequest, NextMove, ProviderError};
use serde_json::Value;

use super::{OpenAi, responses};
use crate::http::{exchange, failure};

/// Timeout for asking about a call; the call itself may take longer.
const ASKING: Duration = Duration::from_secs(30);

#[async_trait]
impl BackgroundCalls for OpenAi {
    async fn begin(&self, request: &ModelRequest) -> Result<String, ProviderError> {
        let body = responses::background(request);
        responses::id(&self.post(&self.responses, &body, request.timeout.min(ASKING)).await?)
    }

    async fn fetch(&self, id: &str) -> Result<Option<ModelAnswer>, ProviderError> {
        let request = self.client()?.get(self.url(&format!("responses/{}", checked(id)?)));
        responses::progress(&self.ask_after(request).await?)
    }

    async fn cancel(&self, id: &str) -> Result<Option<ModelAnswer>, ProviderError> {
        let request = self.client()?.post(self.url(&format!("responses/{}/cancel", checked(id)?)));
        responses::cancelled(&self.ask_after(request).await?)
    }
}

impl OpenAi {
    /// A status request costs nothing, but the call that it asks about may: no failure here reports
    /// the call as free.
    async fn ask_after(&self, request: reqwest::RequestBuilder) -> Result<Value, ProviderError> {
        let asked = async { exchange(self.authorised(request).await?, ASKING).await };
        asked.await.map(|reply| reply.body).map_err(|error| {
            let error = ProviderError { billing: Billing::Unknown, ..error };
            match error.code.as_str() {
                "model_not_found" => ProviderError { code: "response_not_found".into(), ..error },
                _ => error,
            }
        })
    }
}

/// Refuses an id that could change the request's path.
fn checked(id: &str) -> Result<&str, ProviderError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !id.is_empty() && id.bytes().all(is_plain) {
        return Ok(id);
    }
    Err(failure(
        "response_not_found",
        "this is no id of a response",
        NextMove::NextModel,
        Billing::Unknown,
    ))
}
