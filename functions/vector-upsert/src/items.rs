//! `POST /v1/vectors/upsert` and `POST /v1/vectors/delete`: single vectors, named by the client.

use std::collections::BTreeSet;

use axum::extract::State;
use domain::{
    BusinessId, NanoUsd,
    money::usd,
    vector::{Unfit, check_embedding, check_id, check_metadata, check_text},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;
use vectors::{Content, Item, ItemOutcome, Kept};

use crate::AppState;

const MOST_ITEMS: usize = 1_000;

/// Vectors to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpsertRequest {
    /// Whose.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// 1 to 1000 vectors with different ids.
    items: Vec<ItemBody>,
    /// The model that made the embeddings sent here; the business's own when absent.
    embedding_model: Option<String>,
}

/// One vector: a text to embed, or an embedding, with the text that it was made from where that is
/// known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemBody {
    /// 1 to 128 characters of A-Z a-z 0-9 . _ -
    id: String,
    /// A text of at most 32 000 characters.
    text: Option<String>,
    /// 1536 numbers.
    embedding: Option<Vec<f32>>,
    /// Strings, numbers and booleans to filter by.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpsertAnswer {
    /// Vectors that were new or had changed.
    upserted: usize,
    /// Vectors that were kept already.
    unchanged: usize,
    /// Texts that were embedded.
    embedded: usize,
    /// What that cost.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    cost_usd: NanoUsd,
    /// Every item with what became of it. A refusal after some were kept lists them as well: what
    /// is kept costs nothing when it is sent again.
    items: Vec<ItemOutcome>,
    /// Set within 30 days of the end of the model that made the vectors, and after it, with the
    /// remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// Keeps texts or embeddings; what is kept already costs nothing.
#[utoipa::path(post, path = "/v1/vectors/upsert", tag = "vector-upsert", request_body = UpsertRequest,
    responses((status = 200, body = UpsertAnswer), (status = 402, description = "the budget cannot carry it"),
        (status = 409, description = "the index holds vectors of another embedding model, or moves to one")))]
pub(crate) async fn upsert(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<UpsertRequest>,
) -> Result<Json<UpsertAnswer>, Problem> {
    let UpsertRequest { business_id: business, items, embedding_model } = request;
    caller.may_act_for(&business)?;
    let items = checked(items)?;
    let settled = state.vectors.settled(&business, embedding_model.as_deref()).await?;
    let kept = state.vectors.keep(&business, &settled, &items).await?;
    let outcomes = kept.of(&items);
    let Kept { upserted, unchanged, embedded, cost, .. } = kept;
    tracing::info!(business.id = %business, upserted, unchanged, embedded, "vectors were kept");
    Ok(Json(UpsertAnswer {
        upserted,
        unchanged,
        embedded,
        cost_usd: cost,
        items: outcomes,
        warning: state.vectors.warning(&settled.model),
    }))
}

fn checked(bodies: Vec<ItemBody>) -> Result<Vec<Item>, Problem> {
    if !(1..=MOST_ITEMS).contains(&bodies.len()) {
        return Err(Problem::invalid_field("items", "items must hold 1 to 1000 vectors"));
    }
    let mut ids = BTreeSet::new();
    let mut items = Vec::with_capacity(bodies.len());
    for (index, body) in bodies.into_iter().enumerate() {
        let path = format!("items[{index}]");
        let item = body.checked().map_err(|problem| problem.inside(&path))?;
        if !ids.insert(item.id.clone()) {
            let detail = format!("`{}` is in the list twice: which one should stay?", item.id);
            return Err(Problem::invalid_field("id", detail).inside(&path));
        }
        items.push(item);
    }
    Ok(items)
}

impl ItemBody {
    fn checked(self) -> Result<Item, Problem> {
        check_id(&self.id).map_err(unfit)?;
        check_metadata(&self.metadata).map_err(unfit)?;
        self.text.as_deref().map_or(Ok(()), check_text).map_err(unfit)?;
        self.embedding.as_deref().map_or(Ok(()), check_embedding).map_err(unfit)?;
        let content = match (self.text, self.embedding) {
            (Some(text), None) => Content::Text(text),
            (text, Some(embedding)) => Content::Embedding { embedding, text },
            (None, None) => {
                return Err(Problem::invalid_field("text", "send a text, an embedding, or both"));
            }
        };
        Ok(Item { id: self.id, content, metadata: self.metadata })
    }
}

/// A vector that cannot be kept, as clients are told.
pub(crate) fn unfit(Unfit { field, reason, .. }: Unfit) -> Problem {
    Problem::invalid_field(&field, reason)
}

/// Vectors to remove.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteRequest {
    /// Whose.
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// 1 to 1000 ids.
    ids: BTreeSet<String>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeleteAnswer {
    /// Vectors that are gone now.
    deleted: usize,
    /// Ids that named none.
    not_found: usize,
}

/// Removes vectors; unknown ids are counted, not refused.
#[utoipa::path(post, path = "/v1/vectors/delete", tag = "vector-upsert", request_body = DeleteRequest,
    responses((status = 200, body = DeleteAnswer)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<DeleteRequest>,
) -> Result<Json<DeleteAnswer>, Problem> {
    caller.may_act_for(&request.business_id)?;
    if !(1..=MOST_ITEMS).contains(&request.ids.len()) {
        return Err(Problem::invalid_field("ids", "ids must hold 1 to 1000 ids"));
    }
    request
        .ids
        .iter()
        .try_for_each(|id| check_id(id))
        .map_err(|found| unfit(Unfit { field: "ids".into(), ..found }))?;
    let ids: Vec<String> = request.ids.into_iter().collect();
    let deleted = state.vectors.remove(&request.business_id, &ids).await?;
    Ok(Json(DeleteAnswer { deleted, not_found: ids.len() - deleted }))
}
