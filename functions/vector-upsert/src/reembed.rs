//! `POST /v1/vectors/reembed`: moves a business's vectors to another embedding model, a page with
//! each request.

mod estimate;

use axum::extract::State;
use domain::{BusinessId, NanoUsd, money::usd};
use serde::{Deserialize, Serialize};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::{Progress, documents::MoveStage};

use crate::AppState;

pub(crate) use estimate::{__path_estimate, estimate};

/// Whose vectors, and to which model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReembedRequest {
    /// Whose.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// The model to move to. Before anything is replaced, the index's own model takes the move
    /// back.
    embedding_model: String,
    /// Whether vectors without a text, which cannot be moved, are removed; otherwise they refuse
    /// the move.
    #[serde(default)]
    delete_without_text: bool,
}

/// Where the move stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MoveState {
    /// Texts are being embedded; searches find the vectors that there were.
    Preparing,
    /// Vectors are being replaced; searches are refused.
    Switching,
    /// All vectors are of the model.
    Done,
}

/// What one request did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReembedAnswer {
    /// What is to be done next: ask again until it is `done`.
    state: MoveState,
    /// Vectors that this state is through with.
    done: usize,
    /// Vectors that this request replaced.
    moved: usize,
    /// Vectors without a text that it removed.
    deleted: usize,
    /// Seconds to wait before asking again: the index does not show every new vector yet.
    wait_s: i64,
    /// What it paid.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    cost_usd: NanoUsd,
}

/// Goes on with a move, or begins it.
#[utoipa::path(post, path = "/v1/vectors/reembed", tag = "vector-upsert", request_body = ReembedRequest,
    responses((status = 200, body = ReembedAnswer), (status = 402, description = "the budget cannot carry it"),
        (status = 409, description = "vectors without text, or another move is replacing vectors")))]
pub(crate) async fn reembed(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<ReembedRequest>,
) -> Result<Json<ReembedAnswer>, Problem> {
    let ReembedRequest { business_id: business, embedding_model: to, delete_without_text } =
        request;
    caller.may_act_for(&business)?;
    let progress = state.vectors.reembed(&business, to, delete_without_text).await?;
    Ok(Json(progress.into()))
}

impl From<Progress> for ReembedAnswer {
    fn from(progress: Progress) -> Self {
        let Progress { stage, done, moved, deleted, wait_s, cost } = progress;
        let state = match stage {
            Some(MoveStage::Preparing) => MoveState::Preparing,
            Some(MoveStage::Switching) => MoveState::Switching,
            None => MoveState::Done,
        };
        Self { state, done, moved, deleted, wait_s, cost_usd: cost }
    }
}
