//! `POST /v1/vectors/reembed/estimate`: what a move would find and cost, without doing any of it.

use axum::extract::State;
use domain::{BusinessId, NanoUsd, money::usd};
use serde::{Deserialize, Serialize};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::Counted;

use crate::AppState;

/// Whose vectors, to which model, from where on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EstimateRequest {
    /// Whose.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// The model to move to.
    embedding_model: String,
    /// The token of the page before.
    page_token: Option<String>,
}

/// What a page of at most a thousand vectors holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EstimateAnswer {
    vectors: usize,
    /// Of these, such as another model made and that have a text.
    to_move: usize,
    /// Of these, such as another model made and that have no text.
    without_text: usize,
    /// Characters of the texts to move.
    characters: u64,
    /// What embedding them is expected to cost, at four characters a token.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    cost_usd: NanoUsd,
    /// Set when there are more.
    next_page_token: Option<String>,
}

/// Counts a page of a business's vectors.
#[utoipa::path(post, path = "/v1/vectors/reembed/estimate", tag = "vector-upsert", request_body = EstimateRequest,
    responses((status = 200, body = EstimateAnswer)))]
pub(crate) async fn estimate(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<EstimateRequest>,
) -> Result<Json<EstimateAnswer>, Problem> {
    let EstimateRequest { business_id: business, embedding_model: to, page_token } = request;
    caller.may_act_for(&business)?;
    Ok(Json(state.vectors.count(&business, &to, page_token).await?.into()))
}

impl From<Counted> for EstimateAnswer {
    fn from(counted: Counted) -> Self {
        let Counted { vectors, to_move, without_text, characters, cost, next } = counted;
        Self { vectors, to_move, without_text, characters, cost_usd: cost, next_page_token: next }
    }
}
