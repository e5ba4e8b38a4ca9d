//! One HTTP exchange with a provider: what failed, whether it may have been billed, what to do
//! next.

use std::time::Duration;

use ports::{Billing, NextMove, ProviderError};
use reqwest::{RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;

/// The largest answer that is read, in bytes; no model with bounded output writes a larger one.
pub(crate) const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// The longest Retry-After that is honoured; after a longer one the next model is tried.
const MOST_PATIENCE: Duration = Duration::from_secs(20);

/// A failed exchange.
pub(crate) fn failure(
    code: &str,
    message: impl Into<String>,
    next: NextMove,
    billing: Billing,
) -> ProviderError {
    ProviderError { code: code.into(), message: message.into(), next, billing }
}

/// An answer that was billed but cannot be parsed: its cost is unknown.
pub(crate) fn unreadable(message: impl Into<String>) -> ProviderError {
    failure("unreadable_answer", message, NextMove::NextModel, Billing::Unknown)
}

/// A successful answer.
pub(crate) struct Reply {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// The answer did not arrive completely within `timeout`.
pub(crate) fn late(timeout: Duration) -> ProviderError {
    let message = format!("no answer within {} s", timeout.as_secs());
    failure("timeout", message, NextMove::NextModel, Billing::Unknown)
}

/// Sends a request and returns the JSON of a successful answer.
pub(crate) async fn exchange(
    request: RequestBuilder,
    timeout: Duration,
) -> Result<Reply, ProviderError> {
    let sent = tokio::time::timeout(timeout, async {
        let response = begin(request).await?;
        let headers = response.headers().clone();
        let body = serde_json::from_slice(&read(response).await?);
        Ok(Reply { headers, body: body.map_err(|_| unreadable("the answer is not JSON"))? })
    });
    sent.await.unwrap_or_else(|_| Err(late(timeout)))
}

/// Sends a request and returns the successful response before its body is read.
pub(crate) async fn begin(request: RequestBuilder) -> Result<Response, ProviderError> {
    let response = request.send().await.map_err(|error| {
        if error.is_connect() || error.is_builder() {
            failure(
                "connection",
                "the provider cannot be reached",
                NextMove::Retry { after: None },
                Billing::None,
            )
        } else {
            failure(
                "connection_lost",
                "the connection broke",
                NextMove::Retry { after: None },
                Billing::Unknown,
            )
        }
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let after = retry_after(response.headers());
    // An error's body is only parsed for its code: nothing was generated, and an unreadable body
    // changes nothing.
    let body: Value = read(response)
        .await
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    Err(refused(status, after.or_else(|| retry_info(&body)), &body))
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
                return Err(failure(
                    "connection_lost",
                    message,
                    NextMove::NextModel,
                    Billing::Unknown,
                ));
            }
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok()?.parse::<f64>().ok();
    let seconds = header("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| header("retry-after"));
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Google sends Retry-After in the body: `google.rpc.RetryInfo` with a delay such as `2.5s`.
fn retry_info(body: &Value) -> Option<Duration> {
    let delay = details(body).find_map(|detail| detail["retryDelay"].as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

fn details(body: &Value) -> impl Iterator<Item = &Value> {
    body["error"]["details"].as_array().into_iter().flatten()
}

/// The meaning of an error status. No provider bills a request it refused; an overloaded or broken
/// provider may have started generating.
fn refused(status: StatusCode, after: Option<Duration>, body: &Value) -> ProviderError {
    let error = &body["error"];
    let text =
        |field: &str| error[field].as_str().map(|text| text.chars().take(300).collect::<String>());
    let code = text("code").or_else(|| text("status")).or_else(|| text("type"));
    let message = text("message").unwrap_or_else(|| format!("the provider answered with {status}"));
    let retry = if after.is_some_and(|after| after > MOST_PATIENCE) {
        NextMove::NextModel
    } else {
        NextMove::Retry { after }
    };
    let is = |name: &str| code.as_deref() == Some(name);
    // A provider's message about a key may quote the key, so it is not passed on.
    let unknown_key =
        || failure("not_authorised", "the key was refused", NextMove::NextModel, Billing::None);
    match status.as_u16() {
        429 if is("insufficient_quota") => {
            failure("insufficient_quota", message, NextMove::NextModel, Billing::None)
        }
        // The half-price service tier is full; the standard one may not be.
        429 if is("resource_unavailable") => {
            failure("resource_unavailable", message, retry, Billing::None)
        }
        429 => failure("rate_limited", message, retry, Billing::None),
        408 | 409 => failure("timeout", message, retry, Billing::Unknown),
        401 | 403 => unknown_key(),
        // Google reports a wrong key as an invalid request.
        400 if details(body).any(|detail| detail["reason"] == "API_KEY_INVALID") => unknown_key(),
        // Google's code for an account or a location that it does not serve: the request itself is
        // valid.
        400 if is("FAILED_PRECONDITION") => {
            failure("failed_precondition", message, NextMove::NextModel, Billing::None)
        }
        404 | 410 => failure("model_not_found", message, NextMove::NextModel, Billing::None),
        400 | 413 | 422 => failure(
            code.as_deref().unwrap_or("bad_request"),
            message,
            NextMove::Stop,
            Billing::None,
        ),
        503 => failure("unavailable", message, retry, Billing::None),
        500..=599 => failure("server_error", message, retry, Billing::Unknown),
        _ => failure("unexpected_status", message, NextMove::NextModel, Billing::Unknown),
    }
}

/// An error that the provider reports after its answer began.
pub(crate) fn broke_off(error: &Value) -> ProviderError {
    let code = ["code", "status", "type"]
        .iter()
        .find_map(|field| error[field].as_str())
        .unwrap_or("failed");
    let message = error["message"].as_str().unwrap_or("the provider gave no reason");
    let message = format!("the answer failed: {}", message.chars().take(300).collect::<String>());
    let next = match code {
        "rate_limit_exceeded"
        | "server_error"
        | "RESOURCE_EXHAUSTED"
        | "UNAVAILABLE"
        | "INTERNAL" => NextMove::Retry { after: None },
        _ => NextMove::NextModel,
    };
    failure(code, message, next, Billing::Unknown)
}
