//! Which embedding model a business's vectors are made with: one for all of them, for distances between vectors of
//! different models mean nothing.

use axum::http::StatusCode;
use domain::{
    BusinessId,
    catalog::{ModelKind, Role},
};
use ports::{Query, StoreError, Write};
use service::Problem;

use workflow::documents::{IndexDoc, index_key};

use crate::AppState;

const TRIES: usize = 5;

/// The model for new vectors of a business: the one its index has, else the one that is named, else the catalogue's.
///
/// Refused when `named` is not the index's. An index without vectors may change its model, and does so by itself when
/// its own is served no more.
pub(crate) async fn settled(state: &AppState, business: &BusinessId, named: Option<&str>) -> Result<String, Problem> {
    let key = index_key(business);
    for _ in 0..TRIES {
        let seen = state.documents.get(std::slice::from_ref(&key)).await?.pop().flatten();
        if let Some(document) = &seen {
            let recorded = document.read::<IndexDoc>()?.embedding_model;
            if named.map_or_else(|| is_served(state, &recorded), |named| named == recorded) {
                return Ok(recorded);
            }
            if !is_empty(state, business).await? {
                return if named.is_some() { Err(mixed(&recorded)) } else { Ok(recorded) };
            }
        }
        let embedding_model = named.map_or_else(|| default_model(state), |named| Ok(named.to_owned()))?;
        let index = IndexDoc { embedding_model };
        let write = Write::put(key.clone(), seen.map(|document| document.version), &index)?;
        match state.documents.commit(vec![write]).await {
            Ok(_) => return Ok(index.embedding_model),
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
    let model = chain.first().ok_or_else(|| Problem::internal("the catalogue has no embedding model in force"))?;
    Ok(model.id.clone())
}

fn is_served(state: &AppState, model: &str) -> bool {
    let model = state.ledger.rules().catalog.model(model);
    model.is_some_and(|model| model.kind == ModelKind::Embedding && model.in_force(state.clock.now().date()))
}

/// Refuses to embed with a model that has ended. One that the catalogue does not know is the gateway's to judge.
pub(crate) fn in_force(state: &AppState, model: &str) -> Result<(), Problem> {
    let known = state.ledger.rules().catalog.model(model);
    if known.is_none_or(|known| known.in_force(state.clock.now().date())) {
        return Ok(());
    }
    let detail = format!(
        "the index holds vectors of `{model}`, which has ended, so that no text can join them: move them to another \
         model with `reembed`, or delete them"
    );
    Err(Problem::new(StatusCode::CONFLICT, "embedding_model_ended", detail).with("embedding_model", model))
}

async fn is_empty(state: &AppState, business: &BusinessId) -> Result<bool, Problem> {
    let query = Query::collection("vectors").equal("business", business.as_str()).limit(1);
    Ok(state.documents.query(&query).await?.is_empty())
}

fn mixed(recorded: &str) -> Problem {
    let detail =
        format!("the index holds vectors of `{recorded}`: send embeddings of that model, or delete them first");
    Problem::new(StatusCode::CONFLICT, "embedding_model_mismatch", detail)
        .with("field", "embedding_model")
        .with("embedding_model", recorded)
}
