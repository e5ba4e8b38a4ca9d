//! Requests and answers between functions, as HTTP carries them: over a socket or within a process.

use std::time::Duration;

use async_trait::async_trait;
use ports::{GatewayError, GatewayRefusal};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// Names the business of a request whose body has no place for it.
pub const BUSINESS_HEADER: &str = "x-raptorflow-business";
/// Names the task whose grant pays.
pub const TASK_HEADER: &str = "x-raptorflow-task";
/// What an answer without a place for it cost, in nano-USD.
pub const COST_HEADER: &str = "x-raptorflow-cost-nano-usd";

/// A request to be sent as JSON by POST.
#[derive(Clone, PartialEq, Debug)]
pub struct WireRequest {
    /// Path on the function that is asked.
    pub path: &'static str,
    /// Headers beside content type and authorization.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Value,
    /// Give up after this long.
    pub timeout: Duration,
}

/// An answer as it came.
#[derive(Clone, PartialEq, Debug)]
pub struct WireAnswer {
    /// HTTP status.
    pub status: u16,
    /// The value of [`COST_HEADER`].
    pub cost: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends requests to another function, most often the gateway, with a token that says who asks.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and returns whatever was answered; [`GatewayError::Unavailable`] when
    /// nothing was.
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

/// Reads an answer's JSON.
pub(crate) fn read<T: DeserializeOwned>(answer: &WireAnswer) -> Result<T, GatewayError> {
    serde_json::from_slice(&answer.body).map_err(|error| unreadable(error.to_string()))
}

/// The part of a problem document that decides what the caller may do.
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
        // Without a code it is not the gateway's own word but that of something in front of it.
        (503, _) | (429 | 500 | 502 | 504, "") => {
            GatewayError::Unavailable(format!("status {}: {}", refusal.status, refusal.detail))
        }
        _ => GatewayError::Failed(refusal),
    }
}

pub(crate) fn unreadable(detail: String) -> GatewayError {
    GatewayError::Failed(GatewayRefusal { status: 502, code: "invalid_answer".into(), detail })
}
