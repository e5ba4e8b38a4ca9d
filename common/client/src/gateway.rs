//! The client of the gateway, `route-execute`.

use std::time::Duration;

use async_trait::async_trait;
use domain::{BusinessId, NanoUsd};
use ports::{
    EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, Gateway, GatewayError,
    GatewayRefusal, KeyedCall,
};
use serde::Deserialize;
use serde_json::json;

use crate::wire::{
    BUSINESS_HEADER, COST_HEADER, TASK_HEADER, Transport, WireAnswer, WireRequest, read, send,
    unreadable,
};

/// The gateway's time limit for a call without a deadline; its answer may take a little longer to
/// arrive.
const LONGEST_CALL: Duration = Duration::from_mins(5);
const ON_THE_WAY: Duration = Duration::from_secs(10);
const SHORT_CALL: Duration = Duration::from_secs(30);

/// The gateway, reached over a transport.
pub struct RemoteGateway<T>(pub T);

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

fn unsendable(error: &impl std::fmt::Display) -> GatewayError {
    GatewayError::Failed(GatewayRefusal {
        status: 400,
        code: "invalid_request".into(),
        detail: error.to_string(),
    })
}
