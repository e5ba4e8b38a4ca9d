//! The functions that keep and find vectors, as a client meets them.

use std::{sync::Arc, time::Duration};

use client::{Transport, WireRequest};
use domain::{BusinessId, backoff::Backoff};
use ports::GatewayError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::reembed::{Counted, Step};

const TIMEOUT: Duration = Duration::from_mins(5);
const TRIES: u32 = 5;
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(4) };

/// Where requests go.
pub struct Target {
    /// To `vector-upsert`.
    pub upsert: Arc<dyn Transport>,
    /// To `vector-search`.
    pub search: Arc<dyn Transport>,
}

/// Why a request failed for good.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It was refused: the budget, the subscription, the model, or the request itself.
    #[error("{path} refused ({status} {code}): {detail}")]
    Refused {
        /// What was asked.
        path: &'static str,
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
        /// Why.
        detail: String,
    },
    /// Nobody answered, however often it was tried. What was asked may have been done; a repeat is
    /// safe.
    #[error("{path} is out of reach: {reason}")]
    Unavailable {
        /// What was asked.
        path: &'static str,
        /// What was seen last.
        reason: String,
    },
}

/// What became of a batch.
#[derive(Deserialize)]
pub(crate) struct Kept {
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
    pub(crate) async fn keep(
        &self,
        business: &BusinessId,
        model: Option<&str>,
        items: Vec<Value>,
    ) -> Result<Kept, TargetError> {
        let mut body = json!({ "business_id": business, "items": items });
        if let Some(model) = model {
            body["embedding_model"] = model.into();
        }
        ask(&self.upsert, "/v1/vectors/upsert", body).await
    }

    /// A page of what a move to a model would find and cost.
    pub(crate) async fn estimate(
        &self,
        business: &BusinessId,
        model: &str,
        page_token: Option<&str>,
    ) -> Result<Counted, TargetError> {
        let body =
            json!({ "business_id": business, "embedding_model": model, "page_token": page_token });
        ask(&self.upsert, "/v1/vectors/reembed/estimate", body).await
    }

    /// Goes on with a move to a model by a page.
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

/// Asks until there is an answer; every route here may be asked again.
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
