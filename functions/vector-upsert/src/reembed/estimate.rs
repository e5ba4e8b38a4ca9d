//! `POST /v1/vectors/reembed/estimate`: what a move would find and cost, without doing any of it.

use axum::extract::State;
use domain::{BusinessId, NanoUsd, money::usd, tokens, usage::Usage};
use ports::{Query, documents::Cursor};
use serde::{Deserialize, Serialize};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::documents::VectorDoc;

use crate::{AppState, model};

const PAGE: usize = 1_000;

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
#[derive(Debug, Default, Serialize, ToSchema)]
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
    caller.may_act_for(&request.business_id)?;
    let model = model::target(&state, &request.embedding_model)?;
    let mut query =
        Query::collection("vectors").equal("business", request.business_id.as_str()).limit(PAGE);
    query.after = request.page_token.map(|id| Cursor { value: None, id });
    let found = state.documents.query(&query).await?;
    let next_page_token = found.get(PAGE - 1).map(|last| last.key.id.clone());
    let mut answer =
        EstimateAnswer { vectors: found.len(), next_page_token, ..EstimateAnswer::default() };
    let mut expected = 0;
    for document in found {
        let vector: VectorDoc = document.read()?;
        match vector.text {
            _ if vector.embedding_model == model.id => {}
            Some(text) => {
                let characters = text.chars().count() as u64;
                answer.to_move += 1;
                answer.characters += characters;
                expected += tokens::expected(characters);
            }
            None => answer.without_text += 1,
        }
    }
    answer.cost_usd = model.price.cost(&Usage::of(expected, 0));
    Ok(Json(answer))
}
