//! HTTP requests and answers between functions, over a socket or within a process.

use std::time::Duration;

use async_trait::async_trait;
use ports::{GatewayError, GatewayRefusal};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// Header with the business of a request whose body has no field for it.
pub const BUSINESS_HEADER: &str = "x-raptorflow-business";
/// Header with the task whose grant pays.
pub const TASK_HEADER: &str = "x-raptorflow-task";
/// Header with the cost in nano-USD of an answer whose body has no field for it.
pub const COST_HEADER: &str = "x-raptorflow-cost-nano-usd";

/// A request that is sent as JSON by POST.
#[derive(Clone, PartialEq, Debug)]
pub struct WireRequest {
    /// The path on the called function.
    pub path: &'static str,
    /// Headers besides content type and authorization.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Value,
    /// The time after which the request fails.
    pub timeout: Duration,
}

/// An answer as it was received.
#[derive(Clone, PartialEq, Debug)]
pub struct WireAnswer {
    /// HTTP status.
    pub status: u16,
    /// The value of [`COST_HEADER`].
    pub cost: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends requests to another function, usually the gateway, with a token that authenticates the
/// caller.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and returns any answer; [`GatewayError::Unavailable`] without one.
    async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError>;
}

/// Sends a request. A status other than 2xx becomes the error that tells what the caller can do.
pub(crate) async fn send(
    to: &impl Transport,
    request: WireRequest,
) -> Result<WireAnswer, GatewayError> {
    let answer = to.post(request).await?;
    if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refused(&answer)) }
}

/// Parses an answer's JSON.
pub(crate) fn read<T: DeserializeOwned>(answer: &WireAnswer) -> Result<T, GatewayError> {
    serde_json::from_slice(&answer.body).map_err(|error| unreadable(error.to_string()))
}

/// The fields of a problem document that decide what the caller may do.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

fn refused(answer: &WireAnswer) -> GatewayError {
    let Problem { code, detail } = serde_json::from_slice(&answer.body).unwrap_or_default();
    let refusal = GatewayRefusal { status: answer.status, code, detail };
    match (refusal.status, refusal.code.as_str()) {
        (409, "in_progress") => GatewayError::InProgress,
        (402 | 404, _) | (429, "concurrency_limit") | (503, "emergency_shutdown") => {
            GatewayError::Refused(refusal)
        }
        // Without a code the answer comes from a proxy in front of the gateway.
        (503, _) | (429 | 500 | 502 | 504, "") => {
            GatewayError::Unavailable(format!("status {}: {}", refusal.status, refusal.detail))
        }
        _ => GatewayError::Failed(refusal),
    }
}

pub(crate) fn unreadable(detail: String) -> GatewayError {
    GatewayError::Failed(GatewayRefusal { status: 502, code: "invalid_answer".into(), detail })
}
