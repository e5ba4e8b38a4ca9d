//! The gateway's requests and answers as HTTP says them, for every client of it: over a socket or
//! within a process.

use std::time::Duration;

use async_trait::async_trait;
use domain::{BusinessId, NanoUsd};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, Gateway, GatewayError,
    GatewayRefusal, KeyedCall,
};

/// Names the business of a request whose body has no place for it.
pub const BUSINESS_HEADER: &str = "X-RaptorFlow-Business";
/// Names the task whose grant pays.
pub const TASK_HEADER: &str = "X-RaptorFlow-Task";
/// What an answer without a place for it cost, in nano-USD.
pub const COST_HEADER: &str = "X-RaptorFlow-Cost-Nano-Usd";

/// The gateway gives a call without a deadline of its own this long; its answer may take a little
/// longer to arrive.
const LONGEST_CALL: Duration = Duration::from_mins(5);
const ON_THE_WAY: Duration = Duration::from_secs(10);
const SHORT_CALL: Duration = Duration::from_secs(30);

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

/// The gateway at the other end of a transport.
pub struct RemoteGateway<T>(pub T);

/// Sends a request; an answer that is none is an error by what its caller can do about it.
pub(crate) async fn send(
    to: &impl Transport,
    request: WireRequest,
) -> Result<WireAnswer, GatewayError> {
    let answer = to.post(request).await?;
    if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refused(&answer)) }
}

#[async_trait]
impl<T: Transport> Gateway for RemoteGateway<T> {
    async fn execute(
        &self,
        call: &KeyedCall,
        request: &ExecuteRequest,
    ) -> Result<ExecuteResponse, GatewayError> {
        let body = serde_json::to_value(request).map_err(|error| unsendable(&error))?;
        let deadline = request.deadline_ms.map_or(LONGEST_CALL, Duration::from_millis);
        let timeout = deadline + ON_THE_WAY;
        let sent = WireRequest { path: "/v1/execute", headers: keyed(call), body, timeout };
        read(&send(&self.0, sent).await?)
    }

    async fn embed(
        &self,
        call: &KeyedCall,
        request: &EmbedRequest,
    ) -> Result<EmbedResponse, GatewayError> {
        let mut headers = keyed(call);
        headers.push((BUSINESS_HEADER, request.business_id.to_string()));
        let body =
            json!({"model": request.model.as_deref().unwrap_or("auto"), "input": request.texts});
        let sent = WireRequest { path: "/v1/embeddings", headers, body, timeout: LONGEST_CALL };
        let answer = send(&self.0, sent).await?;
        let cost = cost(&answer)?;
        let EmbeddingList { mut data, model } = read(&answer)?;
        data.sort_by_key(|embedding| embedding.index);
        if data.len() != request.texts.len() {
            return Err(unreadable(format!(
                "{} embeddings for {} texts",
                data.len(),
                request.texts.len()
            )));
        }
        Ok(EmbedResponse {
            vectors: data.into_iter().map(|embedding| embedding.embedding).collect(),
            model,
            cost,
        })
    }

    async fn cancel(&self, business: &BusinessId, call: &KeyedCall) -> Result<(), GatewayError> {
        let body = json!({"business_id": business, "key": call.key});
        let headers = task(call).collect();
        let request = WireRequest { path: "/v1/calls/cancel", headers, body, timeout: SHORT_CALL };
        send(&self.0, request).await.map(|_| ())
    }
}

fn keyed(call: &KeyedCall) -> Vec<(&'static str, String)> {
    [("Idempotency-Key", call.key.clone())].into_iter().chain(task(call)).collect()
}

fn task(call: &KeyedCall) -> impl Iterator<Item = (&'static str, String)> {
    call.task.iter().map(|task| (TASK_HEADER, task.to_string()))
}

/// OpenAI's answer to an embeddings request.
#[derive(Deserialize)]
struct EmbeddingList {
    data: Vec<Embedding>,
    model: String,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vec<f32>,
}

fn cost(answer: &WireAnswer) -> Result<NanoUsd, GatewayError> {
    let cost = answer.cost.as_deref().and_then(|text| text.parse().ok()).map(NanoUsd);
    cost.ok_or_else(|| unreadable(format!("the header {COST_HEADER} is missing")))
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

fn unsendable(error: &impl std::fmt::Display) -> GatewayError {
    GatewayError::Failed(GatewayRefusal {
        status: 400,
        code: "invalid_request".into(),
        detail: error.to_string(),
    })
}

fn unreadable(detail: String) -> GatewayError {
    GatewayError::Failed(GatewayRefusal { status: 502, code: "invalid_answer".into(), detail })
}
