//! One HTTP exchange with a provider: what went wrong, whether it may have been billed, what to do
//! next.

use std::time::Duration;

use ports::{Billing, NextMove, ProviderError};
use reqwest::{RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;

/// The largest answer that is read; a larger one is no answer of a model with bounded output.
pub(crate) const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// The longest Retry-After that is honoured; a provider that asks for more is left for the next
/// model.
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

/// A paid answer that cannot be read: what it cost is unknown.
pub(crate) fn unreadable(message: impl Into<String>) -> ProviderError {
    failure("unreadable_answer", message, NextMove::NextModel, Billing::Unknown)
}

/// A successful answer.
pub(crate) struct Reply {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// No answer, or no end of one, in the time that was given.
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

/// Sends a request and returns the successful answer before its body is read.
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
    // An error's body is only read for its code: nothing was generated, and a broken body changes
    // nothing.
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

/// Google's Retry-After is part of the body: `google.rpc.RetryInfo` with a delay such as `2.5s`.
fn retry_info(body: &Value) -> Option<Duration> {
    let delay = details(body).find_map(|detail| detail["retryDelay"].as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

fn details(body: &Value) -> impl Iterator<Item = &Value> {
    body["error"]["details"].as_array().into_iter().flatten()
}

/// What an error status means. No provider bills a request it refused; an overloaded or broken one
/// may have begun.
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
    // What a provider says about a key may quote it.
    let unknown_key =
        || failure("not_authorised", "the key was refused", NextMove::NextModel, Billing::None);
    match status.as_u16() {
        429 if is("insufficient_quota") => {
            failure("insufficient_quota", message, NextMove::NextModel, Billing::None)
        }
        // The half-price service is full; the usual one may not be.
        429 if is("resource_unavailable") => {
            failure("resource_unavailable", message, retry, Billing::None)
        }
        429 => failure("rate_limited", message, retry, Billing::None),
        408 | 409 => failure("timeout", message, retry, Billing::Unknown),
        401 | 403 => unknown_key(),
        // Google refuses a wrong key as a wrong request.
        400 if details(body).any(|detail| detail["reason"] == "API_KEY_INVALID") => unknown_key(),
        // Google's word for an account or a place that it does not serve: nothing is wrong with the
        // request.
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

/// An error that the provider reports after it began to answer.
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
