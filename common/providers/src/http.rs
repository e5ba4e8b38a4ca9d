//! One HTTP exchange with a provider: what went wrong, whether it may have been billed, what to do next.

use std::time::Duration;

use ports::{Billing, NextMove, ProviderError};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// The largest answer that is read; a larger one is no answer of a model with bounded output.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// The longest Retry-After that is honoured; a provider that asks for more is left for the next model.
const MOST_PATIENCE: Duration = Duration::from_secs(20);

/// A failed exchange.
pub(crate) fn failure(code: &str, message: impl Into<String>, next: NextMove, billing: Billing) -> ProviderError {
    ProviderError { code: code.into(), message: message.into(), next, billing }
}

/// A paid answer that cannot be read: what it cost is unknown.
pub(crate) fn unreadable(message: impl Into<String>) -> ProviderError {
    failure("unreadable_answer", message, NextMove::NextModel, Billing::Unknown)
}

/// Sends a request and returns the JSON of a successful answer.
pub(crate) async fn exchange(request: RequestBuilder, timeout: Duration) -> Result<Value, ProviderError> {
    let sent = tokio::time::timeout(timeout, send(request));
    sent.await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", timeout.as_secs());
        Err(failure("timeout", message, NextMove::NextModel, Billing::Unknown))
    })
}

async fn send(request: RequestBuilder) -> Result<Value, ProviderError> {
    let response = request.send().await.map_err(|error| {
        if error.is_connect() || error.is_builder() {
            failure("connection", "the provider cannot be reached", NextMove::Retry { after: None }, Billing::None)
        } else {
            failure("connection_lost", "the connection broke", NextMove::Retry { after: None }, Billing::Unknown)
        }
    })?;
    let status = response.status();
    let after = retry_after(&response);
    let body = read(response).await;
    if status.is_success() {
        return serde_json::from_slice(&body?).map_err(|_| unreadable("the answer is not JSON"));
    }
    // An error's body is only read for its code: nothing was generated, and a broken body changes nothing.
    let body: Value = body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    Err(refused(status, after, &body))
}

async fn read(mut response: Response) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES => {
                return Err(unreadable("the answer is larger than 16 MiB"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(_) => {
                let message = "the connection broke in the middle of the answer";
                return Err(failure("connection_lost", message, NextMove::NextModel, Billing::Unknown));
            }
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let header = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<f64>().ok();
    let seconds = header("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| header("retry-after"));
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// What an error status means. No provider bills a request it refused; an overloaded or broken one may have begun.
fn refused(status: StatusCode, after: Option<Duration>, body: &Value) -> ProviderError {
    let error = &body["error"];
    let text = |field: &str| error[field].as_str().map(|text| text.chars().take(300).collect::<String>());
    let code = text("code").or_else(|| text("status")).or_else(|| text("type"));
    let message = text("message").unwrap_or_else(|| format!("the provider answered with {status}"));
    let retry =
        if after.is_some_and(|after| after > MOST_PATIENCE) { NextMove::NextModel } else { NextMove::Retry { after } };
    let is = |name: &str| code.as_deref() == Some(name);
    match status.as_u16() {
        429 if is("insufficient_quota") => failure("insufficient_quota", message, NextMove::NextModel, Billing::None),
        429 => failure("rate_limited", message, retry, Billing::None),
        408 | 409 => failure("timeout", message, retry, Billing::Unknown),
        401 | 403 => failure("not_authorised", message, NextMove::NextModel, Billing::None),
        404 | 410 => failure("model_not_found", message, NextMove::NextModel, Billing::None),
        400 | 413 | 422 => failure(code.as_deref().unwrap_or("bad_request"), message, NextMove::Stop, Billing::None),
        503 => failure("unavailable", message, retry, Billing::None),
        500..=599 => failure("server_error", message, retry, Billing::Unknown),
        _ => failure("unexpected_status", message, NextMove::NextModel, Billing::Unknown),
    }
}
