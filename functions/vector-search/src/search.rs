//! `POST /v1/vectors/search`: the nearest of a business's vectors.

use axum::extract::State;
use domain::{BusinessId, vector::DIMENSIONS};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::{Nearest, Search, Target};

use crate::{AppState, filter};

const DEFAULT_TOP_K: usize = 10;
const MOST_TOP_K: usize = 100;
/// What an embedding model reads: 8191 tokens of about four characters.
const MOST_QUERY_CHARS: usize = 32_000;

/// What to look for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchRequest {
    /// Whose vectors.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// A text to be near to; its embedding is paid.
    query: Option<String>,
    /// Or an embedding of the index's model: 1536 numbers.
    query_embedding: Option<Vec<f32>>,
    /// 1 to 100; 10 when absent.
    top_k: Option<usize>,
    /// Conditions on metadata, all of which must hold.
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: Map<String, Value>,
}

/// What was found, nearest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    results: Vec<Found>,
    /// Set within 30 days of the end of the model that made the vectors, and after it, with the
    /// remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// A found vector.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    id: String,
    /// Cosine similarity, −1 to 1; larger is closer.
    score: f32,
    /// 1 − score.
    distance: f32,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Finds the nearest vectors of a business.
#[utoipa::path(post, path = "/v1/vectors/search", tag = "vector-search", request_body = SearchRequest,
    responses((status = 200, body = SearchAnswer), (status = 400, description = "among others, an unknown filter"),
        (status = 402, description = "the budget cannot carry the query's embedding"),
        (status = 409, description = "the model that made the vectors has ended: reembed"),
        (status = 503, description = "the vectors are being replaced by such of another model")))]
pub(crate) async fn search(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<SearchRequest>,
) -> Result<Json<SearchAnswer>, Problem> {
    let SearchRequest { business_id: business, query, query_embedding, top_k, filter } = request;
    caller.may_act_for(&business)?;
    let filter = filter::checked(filter)?;
    let target = target(query, query_embedding)?;
    let top_k = top_k.unwrap_or(DEFAULT_TOP_K);
    if !(1..=MOST_TOP_K).contains(&top_k) {
        return Err(Problem::invalid_field("top_k", "top_k must lie between 1 and 100"));
    }
    let nearest = state.vectors.search(Search { business, target, top_k, filter }).await?;
    Ok(Json(nearest.into()))
}

impl From<Nearest> for SearchAnswer {
    fn from(Nearest { found, warning }: Nearest) -> Self {
        Self { results: found.into_iter().map(Found::from).collect(), warning }
    }
}

impl From<vectors::Found> for Found {
    fn from(vectors::Found { id, score, metadata, text }: vectors::Found) -> Self {
        Self { id, score, distance: 1.0 - score, metadata, text }
    }
}

fn target(query: Option<String>, embedding: Option<Vec<f32>>) -> Result<Target, Problem> {
    match (query, embedding) {
        (Some(query), None)
            if query.trim().is_empty() || query.chars().count() > MOST_QUERY_CHARS =>
        {
            Err(Problem::invalid_field(
                "query",
                format!("query must be 1 to {MOST_QUERY_CHARS} characters"),
            ))
        }
        (Some(query), None) => Ok(Target::Text(query)),
        (None, Some(embedding)) if embedding.len() != DIMENSIONS => {
            let detail = format!("an embedding has {DIMENSIONS} numbers, not {}", embedding.len());
            Err(Problem::invalid_field("query_embedding", detail))
        }
        (None, Some(embedding)) => Ok(Target::Embedding(embedding)),
        (Some(_), Some(_)) | (None, None) => {
            Err(Problem::invalid_field("query", "send either query or query_embedding"))
        }
    }
}
