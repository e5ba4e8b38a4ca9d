//! `POST /v1/vectors/reembed`: moves a business's vectors to another embedding model, a page with
//! each request.
//!
//! No search may compare vectors of two models, and nothing may be paid twice. So all vectors are
//! gone through twice. *Preparing* has the texts embedded in calls whose answers the gateway keeps,
//! while searches go on over the vectors that there are. *Switching* makes the same calls again,
//! which costs nothing now, and replaces the vectors; until it is through, searches are refused.
//! Where it stands is in the index's document: whoever asks next goes on from there.

mod estimate;
mod page;
mod switch;

use axum::{extract::State, http::StatusCode};
use domain::{BusinessId, NanoUsd, money::usd};
use ports::{Document, Query, StoreError, Write};
use serde::{Deserialize, Serialize};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::documents::{IndexDoc, MoveStage, Moving, index_key};

use crate::{AppState, model};
use page::{Page, Stored};

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
    let seen = state.documents.get(&[index_key(&business)]).await?.pop().flatten();
    let Some(document) = seen else { return Ok(Json(answer(None, Did::default()))) };
    let index: IndexDoc = document.read()?;
    let moving = match &index.moving {
        Some(moving) if moving.to == to => moving.clone(),
        Some(moving) if moving.stage == MoveStage::Switching => {
            return Err(switching_already(&moving.to));
        }
        Some(_) if index.embedding_model == to => {
            commit(&state, &document, &IndexDoc::of(to)).await?;
            return Ok(Json(answer(None, Did::default())));
        }
        None if index.embedding_model == to => return Ok(Json(answer(None, Did::default()))),
        Some(_) | None => {
            model::target(&state, &to)?;
            Moving { to, stage: MoveStage::Preparing, after: None, done: 0, replaced_at: None }
        }
    };
    let page = Page::read(&state, &business, moving.after.as_deref()).await?;
    let mut did = Did::default();
    for group in &page.groups {
        let (textless, _) = switch::by_text(group, &moving.to);
        if !textless.is_empty() && !delete_without_text {
            return Err(without_text(&textless));
        }
        match moving.stage {
            MoveStage::Preparing => {
                did.cost += switch::prepare(&state, &business, &moving.to, group).await?;
            }
            MoveStage::Switching => {
                did.add(switch::switch(&state, &business, &moving.to, group).await?);
            }
        }
    }
    let moving = match did.moved + did.deleted {
        0 => moving,
        _ => Moving { replaced_at: Some(state.clock.now()), ..moving },
    };
    let next = after(&state, &business, &index, &moving, &page).await?;
    commit(&state, &document, &next).await?;
    tracing::info!(business.id = %business, moved = did.moved, cost_nano_usd = did.cost.0, "vectors of {business} move on");
    let wait_s = if page.is_last { wait_seconds(&state, &moving) } else { 0 };
    Ok(Json(ReembedAnswer { wait_s, ..answer(next.moving.as_ref(), did) }))
}

/// What was done to some vectors.
#[derive(Clone, Copy, Default)]
struct Did {
    moved: usize,
    deleted: usize,
    cost: NanoUsd,
}

impl Did {
    fn add(&mut self, more: Self) {
        self.moved += more.moved;
        self.deleted += more.deleted;
        self.cost += more.cost;
    }
}

fn answer(moving: Option<&Moving>, did: Did) -> ReembedAnswer {
    let state = match moving.map(|moving| moving.stage) {
        Some(MoveStage::Preparing) => MoveState::Preparing,
        Some(MoveStage::Switching) => MoveState::Switching,
        None => MoveState::Done,
    };
    let done = moving.map_or(0, |moving| moving.done);
    ReembedAnswer {
        state,
        done,
        moved: did.moved,
        deleted: did.deleted,
        wait_s: 0,
        cost_usd: did.cost,
    }
}

/// The index behind a page: further on, in the next stage, or arrived.
async fn after(
    state: &AppState,
    business: &BusinessId,
    index: &IndexDoc,
    moving: &Moving,
    page: &Page,
) -> Result<IndexDoc, Problem> {
    let on = |stage, after, done| IndexDoc {
        moving: Some(Moving {
            to: moving.to.clone(),
            stage,
            after,
            done,
            replaced_at: moving.replaced_at,
        }),
        ..index.clone()
    };
    let done = moving.done + page.len();
    let last = || page.last.clone().or_else(|| moving.after.clone());
    Ok(match moving.stage {
        _ if !page.is_last => on(moving.stage, last(), done),
        MoveStage::Preparing => on(MoveStage::Switching, None, 0),
        // Whoever had begun to write before the switch may have written behind it.
        MoveStage::Switching if is_left_behind(state, business, &index.embedding_model).await? => {
            on(MoveStage::Switching, None, 0)
        }
        MoveStage::Switching if wait_seconds(state, moving) > 0 => {
            on(MoveStage::Switching, last(), done)
        }
        MoveStage::Switching => IndexDoc::of(moving.to.clone()),
    })
}

/// Until when the index may still show a vector that was replaced.
fn wait_seconds(state: &AppState, moving: &Moving) -> i64 {
    let Some(replaced_at) = moving.replaced_at else { return 0 };
    let shown_at = replaced_at.plus_seconds(state.vectors.lag_seconds());
    (shown_at.ms_since(state.clock.now()).max(0) + 999) / 1000
}

async fn is_left_behind(
    state: &AppState,
    business: &BusinessId,
    model: &str,
) -> Result<bool, StoreError> {
    let query = Query::collection("vectors")
        .equal("business", business.as_str())
        .equal("embedding_model", model);
    Ok(!state.documents.query(&query.limit(1)).await?.is_empty())
}

/// Somebody else who moves the same vectors changes the version; what was done stays done, and a
/// repeat goes on.
async fn commit(state: &AppState, seen: &Document, index: &IndexDoc) -> Result<(), Problem> {
    let write = Write::replace(seen.key.clone(), seen.version, index)?;
    state.documents.commit(vec![write]).await?;
    Ok(())
}

fn without_text(vectors: &[&Stored]) -> Problem {
    let ids: Vec<&str> = vectors.iter().take(3).map(|stored| stored.vector.id.as_str()).collect();
    let detail = format!(
        "vectors without a text cannot be embedded anew ({} here, such as `{}`): send their texts with \
         /v1/vectors/upsert, or have them removed with delete_without_text",
        vectors.len(),
        ids.join("`, `")
    );
    Problem::new(StatusCode::CONFLICT, "vectors_without_text", detail)
        .with("field", "delete_without_text")
}

fn switching_already(to: &str) -> Problem {
    let detail =
        format!("the vectors are being replaced by such of `{to}`: finish that move first");
    Problem::new(StatusCode::CONFLICT, "index_is_moving", detail).with("field", "embedding_model")
}
