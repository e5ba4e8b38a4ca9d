//! The gateway as a router in the same process: the same requests as over the network, without a socket.

use std::sync::OnceLock;

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use domain::{BusinessId, NanoUsd};
use http_body_util::BodyExt;
use ports::{
    EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, Gateway, GatewayError, GatewayRefusal, KeyedCall,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tower::ServiceExt;

const BUSINESS: &str = "X-RaptorFlow-Business";
const COST: &str = "X-RaptorFlow-Cost-Nano-Usd";
const TASK: &str = "X-RaptorFlow-Task";

/// Sends gateway calls to a router.
///
/// The router usually contains the functions that hold this gateway, so it is given later, by
/// [`RouterGateway::connect`].
pub struct RouterGateway {
    router: OnceLock<Router>,
    token: Box<dyn Fn() -> String + Send + Sync>,
}

struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl RouterGateway {
    /// A gateway without a router yet; `token` signs a bearer token for each request.
    pub fn new(token: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { router: OnceLock::new(), token: Box::new(token) }
    }

    /// Sends calls to `router` from now on; only the first router counts.
    pub fn connect(&self, router: Router) {
        self.router.get_or_init(|| router);
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, GatewayError> {
        let router = self.router.get().ok_or_else(|| unavailable("no router is connected yet"))?;
        let mut request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", (self.token)()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).map_err(|error| unsendable(&error))?;
        let Ok(response) = router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(unavailable)?.to_bytes().into();
        if parts.status.is_success() {
            Ok(Answer { headers: parts.headers, body })
        } else {
            Err(refused(parts.status, &body))
        }
    }
}

#[async_trait]
impl Gateway for RouterGateway {
    async fn execute(&self, call: &KeyedCall, request: &ExecuteRequest) -> Result<ExecuteResponse, GatewayError> {
        let mut headers = vec![("Idempotency-Key", call.key.as_str())];
        headers.extend(task(call));
        let body = serde_json::to_value(request).map_err(|error| unsendable(&error))?;
        parse(&self.post("/v1/execute", &headers, &body).await?)
    }

    async fn embed(&self, call: &KeyedCall, request: &EmbedRequest) -> Result<EmbedResponse, GatewayError> {
        let mut headers = vec![("Idempotency-Key", call.key.as_str()), (BUSINESS, request.business_id.as_str())];
        headers.extend(task(call));
        let body = json!({"model": request.model.as_deref().unwrap_or("auto"), "input": request.texts});
        let answer = self.post("/v1/embeddings", &headers, &body).await?;
        let cost = cost(&answer)?;
        let EmbeddingList { mut data, model } = parse(&answer)?;
        data.sort_by_key(|embedding| embedding.index);
        if data.len() != request.texts.len() {
            return Err(unreadable(format!("{} embeddings for {} texts", data.len(), request.texts.len())));
        }
        Ok(EmbedResponse { vectors: data.into_iter().map(|embedding| embedding.embedding).collect(), model, cost })
    }

    async fn cancel(&self, business: &BusinessId, call: &KeyedCall) -> Result<(), GatewayError> {
        let headers: Vec<_> = task(call).collect();
        let body = json!({"business_id": business, "key": call.key});
        self.post("/v1/calls/cancel", &headers, &body).await.map(|_| ())
    }
}

fn task(call: &KeyedCall) -> impl Iterator<Item = (&'static str, &str)> {
    call.task.iter().map(|task| (TASK, task.as_str()))
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

fn cost(answer: &Answer) -> Result<NanoUsd, GatewayError> {
    let text = answer.headers.get(COST).and_then(|value| value.to_str().ok());
    let cost = text.and_then(|text| text.parse().ok()).map(NanoUsd);
    cost.ok_or_else(|| unreadable(format!("the header {COST} is missing")))
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, GatewayError> {
    serde_json::from_slice(&answer.body).map_err(|error| unreadable(error.to_string()))
}

/// The part of a problem document that decides what the caller may do.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

fn refused(status: StatusCode, body: &[u8]) -> GatewayError {
    let Problem { code, detail } = serde_json::from_slice(body).unwrap_or_default();
    let refusal = GatewayRefusal { status: status.as_u16(), code, detail };
    match (refusal.status, refusal.code.as_str()) {
        (409, "in_progress") => GatewayError::InProgress,
        (402 | 404, _) | (429, "concurrency_limit") | (503, "emergency_shutdown") => GatewayError::Refused(refusal),
        (503, _) => GatewayError::Unavailable(refusal.detail),
        _ => GatewayError::Failed(refusal),
    }
}

fn unavailable(reason: impl std::fmt::Display) -> GatewayError {
    GatewayError::Unavailable(reason.to_string())
}

fn unsendable(error: &impl std::fmt::Display) -> GatewayError {
    GatewayError::Failed(GatewayRefusal { status: 400, code: "invalid_request".into(), detail: error.to_string() })
}

fn unreadable(detail: String) -> GatewayError {
    GatewayError::Failed(GatewayRefusal { status: 502, code: "invalid_answer".into(), detail })
}

#[cfg(test)]
mod tests;
