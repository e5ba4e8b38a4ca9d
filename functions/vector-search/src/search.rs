//! `POST /v1/vectors/search`: the nearest of a business's vectors.

use axum::{extract::State, http::StatusCode};
use domain::{BusinessId, vector::DIMENSIONS};
use ports::{Document, Key, VectorError, VectorQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::documents::{IndexDoc, VectorDoc, index_key, vector_key};

use crate::{AppState, embed::embed, filter};

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
#[derive(Debug, Default, Serialize, ToSchema)]
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

enum Target {
    Text(String),
    Embedding(Vec<f32>),
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
    let index = state.documents.get(&[index_key(&business)]).await?.pop().flatten();
    // Nothing was ever kept: an embedding of the query would be paid for nothing.
    let Some(index) = index else { return Ok(Json(SearchAnswer::default())) };
    let index: IndexDoc = index.read()?;
    if index.is_switching() {
        return Err(switching());
    }
    let embedding_model = index.embedding_model;
    let warning =
        state.ledger.rules().catalog.vectors_warning(&embedding_model, state.clock.now().date());
    let embedding = match target {
        Target::Embedding(embedding) => embedding,
        Target::Text(text) => embed(&state, &business, &embedding_model, text).await?,
    };
    let results =
        nearest(&state, &embedding_model, VectorQuery { business, embedding, top_k, filter })
            .await?;
    Ok(Json(SearchAnswer { results, warning }))
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

/// The vectors of one model that are nearest.
async fn nearest(state: &AppState, model: &str, query: VectorQuery) -> Result<Vec<Found>, Problem> {
    let neighbours = state.vectors.search(&query).await.map_err(|error| match error {
        VectorError::Invalid(reason) if reason.starts_with("filter") => {
            Problem::invalid_field("filter", reason)
        }
        VectorError::Invalid(reason) => Problem::invalid_field("query_embedding", reason),
        VectorError::Unavailable(cause) => {
            tracing::error!(cause, "the vector index is unavailable");
            Problem::unavailable("the vector index is unavailable; asking again is safe")
        }
    })?;
    let keys = neighbours.iter().map(|neighbour| vector_key(&query.business, &neighbour.id));
    let keys: Vec<Key> = std::iter::once(index_key(&query.business)).chain(keys).collect();
    let mut documents = state.documents.get(&keys).await?.into_iter();
    // Read after the search: had vectors begun to be replaced before it, it would be seen here.
    let index = documents.next().flatten().as_ref().map(Document::read::<IndexDoc>).transpose()?;
    if index.is_none_or(|index| index.is_switching() || index.embedding_model != model) {
        return Err(switching());
    }
    let mut found = Vec::with_capacity(neighbours.len());
    for (neighbour, document) in neighbours.into_iter().zip(documents) {
        // A vector without a document is being removed.
        let Some(stored) = document.as_ref().map(Document::read::<VectorDoc>).transpose()? else {
            continue;
        };
        // One of another model came in too late to be compared; whoever sent it puts that right.
        if stored.embedding_model != model {
            continue;
        }
        found.push(Found {
            id: neighbour.id,
            score: neighbour.score,
            distance: 1.0 - neighbour.score,
            metadata: stored.metadata,
            text: stored.text,
        });
    }
    Ok(found)
}

/// 503: there are vectors of two models, and the distance between such means nothing.
fn switching() -> Problem {
    let detail = "the vectors are being replaced by such of another model: ask again when `reembed` is done, or go on \
        with it where it stopped";
    Problem {
        retry_after: Some(30),
        ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "index_is_moving", detail)
    }
}
