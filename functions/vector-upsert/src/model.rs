//! Which embedding model a business's vectors are made with: one for all of them, for distances
//! between vectors of different models mean nothing.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::{
    BusinessId,
    catalog::{Model, ModelKind, Role},
};
use ports::{Query, StoreError, Write};
use service::Problem;

use vectors::documents::{IndexDoc, index_key};

use crate::AppState;

const TRIES: usize = 5;

/// What new vectors of a business are made with.
pub(crate) struct Settled {
    pub(crate) model: String,
    /// Whether the vectors are on their way to another model.
    pub(crate) is_moving: bool,
}

impl Settled {
    fn of(index: &IndexDoc) -> Self {
        Self { model: index.model_for_new().to_owned(), is_moving: index.moving.is_some() }
    }
}

/// The model for new vectors of a business: the one its index has, else the one that is named, else
/// the catalogue's.
///
/// Refused when `named` is not the index's. An index without vectors may change its model, and does
/// so by itself when its own is served no more.
pub(crate) async fn settled(
    state: &AppState,
    business: &BusinessId,
    named: Option<&str>,
) -> Result<Settled, Problem> {
    let key = index_key(business);
    for _ in 0..TRIES {
        let seen = state.documents.get(std::slice::from_ref(&key)).await?.pop().flatten();
        if let Some(document) = &seen {
            let recorded = Settled::of(&document.read::<IndexDoc>()?);
            if named
                .map_or_else(|| is_served(state, &recorded.model), |named| named == recorded.model)
            {
                return Ok(recorded);
            }
            if !is_empty(state, business).await? {
                return if named.is_some() { Err(mixed(&recorded.model)) } else { Ok(recorded) };
            }
        }
        let embedding_model =
            named.map_or_else(|| default_model(state), |named| Ok(named.to_owned()))?;
        let index = IndexDoc::of(embedding_model);
        let write = Write::put(key.clone(), seen.map(|document| document.version), &index)?;
        match state.documents.commit(vec![write]).await {
            Ok(_) => return Ok(Settled::of(&index)),
            // Somebody settled it meanwhile, perhaps otherwise.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict(key).into())
}

fn default_model(state: &AppState) -> Result<String, Problem> {
    let rules = state.ledger.rules();
    let chain = rules.catalog.chain(Role::Embedding, state.clock.now().date(), rules.lead_days);
    let model = chain
        .first()
        .ok_or_else(|| Problem::internal("the catalogue has no embedding model in force"))?;
    Ok(model.id.clone())
}

fn is_served(state: &AppState, model: &str) -> bool {
    let model = state.ledger.rules().catalog.model(model);
    model.is_some_and(|model| {
        model.kind == ModelKind::Embedding && model.in_force(state.clock.now().date())
    })
}

/// The model for new vectors of a business by now; `None` where nothing is recorded.
pub(crate) async fn current(
    state: &AppState,
    business: &BusinessId,
) -> Result<Option<String>, Problem> {
    let index = state.documents.get(&[index_key(business)]).await?.pop().flatten();
    let index = index.as_ref().map(ports::Document::read::<IndexDoc>).transpose()?;
    Ok(index.map(|index| index.model_for_new().to_owned()))
}

/// A model that vectors can move to.
pub(crate) fn target<'a>(state: &'a AppState, name: &str) -> Result<&'a Arc<Model>, Problem> {
    let model = state.ledger.rules().catalog.model(name).filter(|_| is_served(state, name));
    let detail = "name an embedding model in force: GET /v1/models lists them";
    model.ok_or_else(|| Problem::invalid_field("embedding_model", detail))
}

/// Refuses to embed with a model that has ended. One that the catalogue does not know is the
/// gateway's to judge.
pub(crate) fn in_force(state: &AppState, model: &str) -> Result<(), Problem> {
    let known = state.ledger.rules().catalog.model(model);
    if known.is_none_or(|known| known.in_force(state.clock.now().date())) {
        return Ok(());
    }
    let detail = format!(
        "the index holds vectors of `{model}`, which has ended, so that no text can join them: move them to another \
         model with `reembed`, or delete them"
    );
    Err(Problem::new(StatusCode::CONFLICT, "embedding_model_ended", detail)
        .with("embedding_model", model))
}

async fn is_empty(state: &AppState, business: &BusinessId) -> Result<bool, Problem> {
    let query = Query::collection("vectors").equal("business", business.as_str()).limit(1);
    Ok(state.documents.query(&query).await?.is_empty())
}

/// An embedding of a client's own cannot be moved along, and must not come between.
pub(crate) fn moving(field: &str) -> Problem {
    let detail = "the vectors are on their way to another model: send texts without embeddings, or go on with `reembed` \
        until it is done";
    Problem::new(StatusCode::CONFLICT, "index_is_moving", detail).with("field", field)
}

fn mixed(recorded: &str) -> Problem {
    let detail = format!(
        "the index holds vectors of `{recorded}`: send embeddings of that model, or delete them first"
    );
    Problem::new(StatusCode::CONFLICT, "embedding_model_mismatch", detail)
        .with("field", "embedding_model")
        .with("embedding_model", recorded)
}
