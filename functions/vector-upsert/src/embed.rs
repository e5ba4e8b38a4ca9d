//! Embeddings, paid through the gateway.

use std::collections::BTreeMap;

use domain::{BusinessId, NanoUsd, digest};
use ports::{EmbedRequest, KeyedCall};
use service::Problem;

use crate::{AppState, model};

/// Embeds texts, named by their content hashes, in one call; returns the vectors by hash and what
/// they cost.
///
/// The call's key is made of the hashes, so that the same texts are paid once, however often they
/// are asked for.
pub(crate) async fn embed(
    state: &AppState,
    business: &BusinessId,
    model: &str,
    texts: &BTreeMap<String, &str>,
) -> Result<(BTreeMap<String, Vec<f32>>, NanoUsd), Problem> {
    model::in_force(state, model)?;
    let hashes: Vec<&str> = texts.keys().map(String::as_str).collect();
    let call = KeyedCall { task: None, key: format!("vectors-{}", digest(&hashes)) };
    let request = EmbedRequest {
        business_id: business.clone(),
        model: Some(model.into()),
        texts: texts.values().map(|text| (*text).to_owned()).collect(),
    };
    let answer = state.gateway.embed(&call, &request).await?;
    if answer.model != model {
        return Err(Problem::internal(
            "the gateway embedded with another model than it was asked for",
        ));
    }
    Ok((texts.keys().cloned().zip(answer.vectors).collect(), answer.cost))
}
