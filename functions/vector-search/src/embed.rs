//! The query's embedding, paid through the gateway.

use axum::http::StatusCode;
use domain::{BusinessId, digest};
use ports::{EmbedRequest, KeyedCall};
use service::Problem;

use crate::AppState;

/// Embeds a query. The call's key is made of the query, so that asking the same again costs
/// nothing.
pub(crate) async fn embed(
    state: &AppState,
    business: &BusinessId,
    model: &str,
    query: String,
) -> Result<Vec<f32>, Problem> {
    let known = state.ledger.rules().catalog.model(model);
    if known.is_some_and(|known| !known.in_force(state.clock.now().date())) {
        let detail = format!(
            "the vectors were made with `{model}`, which has ended, so that no text can be compared with them: move them \
             to another model with `reembed`"
        );
        return Err(Problem::new(StatusCode::CONFLICT, "embedding_model_ended", detail)
            .with("embedding_model", model));
    }
    state.ledger.admit(business).await?;
    let call = KeyedCall { task: None, key: format!("search-{}", digest(&[model, &query])) };
    let request = EmbedRequest {
        business_id: business.clone(),
        model: Some(model.into()),
        texts: vec![query],
    };
    let mut answer = state.gateway.embed(&call, &request).await?;
    answer.vectors.pop().ok_or_else(|| Problem::internal("the gateway sent no vector"))
}
