//! The client of the functions that store and search vectors.

use std::{sync::Arc, time::Duration};

use client::{Transport, WireRequest};
use domain::{BusinessId, backoff::Backoff};
use ports::GatewayError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::reembed::{EstimatePage, Step};

const TIMEOUT: Duration = Duration::from_mins(5);
const TRIES: u32 = 5;
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(4) };

/// The transports to the two functions.
pub struct Target {
    /// The transport to `vector-upsert`.
    pub upsert: Arc<dyn Transport>,
    /// The transport to `vector-search`.
    pub search: Arc<dyn Transport>,
}

/// Why a request finally failed.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It was refused: because of the budget, the subscription, the model, or the request itself.
    #[error("{path} refused ({status} {code}): {detail}")]
    Refused {
        /// The path of the request.
        path: &'static str,
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// The explanation.
        detail: String,
    },
    /// No answer after all retries. The request may have taken effect; a repeat is safe.
    #[error("{path} is out of reach: {reason}")]
    Unavailable {
        /// The path of the request.
        path: &'static str,
        /// The last failure.
        reason: String,
    },
}

/// The result of a batch.
#[derive(Deserialize)]
pub(crate) struct BatchResult {
    pub(crate) upserted: usize,
    pub(crate) unchanged: usize,
    pub(crate) embedded: usize,
    pub(crate) cost_usd: f64,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

impl Target {
    pub(crate) async fn store(
        &self,
        business: &BusinessId,
        model: Option<&str>,
        items: Vec<Value>,
    ) -> Result<BatchResult, TargetError> {
        let mut body = json!({ "business_id": business, "items": items });
        if let Some(model) = model {
            body["embedding_model"] = model.into();
        }
        ask(&self.upsert, "/v1/vectors/upsert", body).await
    }

    /// Fetches one page of the estimate of a move to a model.
    pub(crate) async fn estimate(
        &self,
        business: &BusinessId,
        model: &str,
        page_token: Option<&str>,
    ) -> Result<EstimatePage, TargetError> {
        let body =
            json!({ "business_id": business, "embedding_model": model, "page_token": page_token });
        ask(&self.upsert, "/v1/vectors/reembed/estimate", body).await
    }

    /// Moves one page of vectors to a model.
    pub(crate) async fn reembed(
        &self,
        business: &BusinessId,
        model: &str,
        delete_without_text: bool,
    ) -> Result<Step, TargetError> {
        let body = json!({
            "business_id": business, "embedding_model": model, "delete_without_text": delete_without_text,
        });
        ask(&self.upsert, "/v1/vectors/reembed", body).await
    }

    /// Ids of the nearest vectors, nearest first.
    pub(crate) async fn nearest(
        &self,
        business: &BusinessId,
        embedding: &[f32],
        top_k: usize,
    ) -> Result<Vec<String>, TargetError> {
        let body = json!({ "business_id": business, "query_embedding": embedding, "top_k": top_k });
        let Results { results } = ask(&self.search, "/v1/vectors/search", body).await?;
        Ok(results.into_iter().map(|hit| hit.id).collect())
    }
}

/// Sends a request until there is an answer; every route used here is idempotent.
async fn ask<T: DeserializeOwned>(
    to: &Arc<dyn Transport>,
    path: &'static str,
    body: Value,
) -> Result<T, TargetError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let request =
            WireRequest { path, headers: Vec::new(), body: body.clone(), timeout: TIMEOUT };
        let reason = match to.post(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                let parsed = serde_json::from_slice(&answer.body);
                return parsed
                    .map_err(|error| TargetError::Unavailable { path, reason: error.to_string() });
            }
            Ok(answer) => {
                let Problem { code, detail } =
                    serde_json::from_slice(&answer.body).unwrap_or_default();
                let passes = matches!(answer.status, 408 | 429 | 500 | 502 | 503 | 504)
                    || code == "in_progress";
                if !passes || code == "emergency_shutdown" {
                    return Err(TargetError::Refused { path, status: answer.status, code, detail });
                }
                format!("status {}: {detail}", answer.status)
            }
            Err(GatewayError::Unavailable(reason)) => reason,
            Err(error) => error.to_string(),
        };
        if tries == TRIES {
            return Err(TargetError::Unavailable { path, reason });
        }
        tokio::time::sleep(BACKOFF.ceiling(tries)).await;
    }
}
