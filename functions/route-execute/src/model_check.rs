//! `POST /v1/models/check`: what the providers say of the models that roles rely on, held against
//! the catalogue.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use domain::catalog::ModelKind;
use serde::Serialize;
use service::{Caller, CallerRole, Json, Problem};
use utoipa::ToSchema;
use vectors::documents::businesses_with_vectors_of;

use crate::AppState;

/// Businesses that one warning names.
const MOST_NAMED: usize = 20;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelCheck {
    /// Providers that listed their models.
    checked: Vec<String>,
    /// Providers that have no list, or could not be asked.
    unchecked: Vec<String>,
    /// What a person should look at; each is in the log, too.
    warnings: Vec<String>,
}

/// Compares the catalogue with the providers' own lists. The scheduler asks once a day.
#[utoipa::path(post, path = "/v1/models/check", tag = "route-execute", responses((status = 200, body = ModelCheck)))]
pub(crate) async fn check(
    State(state): State<Arc<AppState>>,
    caller: Caller,
) -> Result<Json<ModelCheck>, Problem> {
    if caller.role == CallerRole::Member {
        let detail = "only the scheduler and admins may have the models checked";
        return Err(Problem::new(StatusCode::FORBIDDEN, "service_only", detail));
    }
    let catalog = &state.ledger.rules().catalog;
    let today = state.clock.now().date();
    let ending = catalog
        .ending(today)
        .into_iter()
        .map(|(model, days)| format!("`{}` ends in {days} days", model.id));
    let mut found =
        ModelCheck { checked: Vec::new(), unchecked: Vec::new(), warnings: ending.collect() };
    for (name, provider) in state.providers.iter() {
        match provider.listed().await {
            Ok(Some(models)) => {
                let listed: Vec<_> =
                    models.into_iter().map(|model| (model.id, model.shutdown)).collect();
                let warnings = catalog.compare(name, &listed, today);
                found.warnings.extend(warnings.iter().map(ToString::to_string));
                found.checked.push(name.clone());
            }
            Ok(None) => found.unchecked.push(name.clone()),
            Err(error) => {
                tracing::warn!(
                    error.code = error.code,
                    "the models of {name} could not be listed: {}",
                    error.code
                );
                found.unchecked.push(name.clone());
            }
        }
    }
    found.warnings.extend(vectors_of_ending_models(&state).await?);
    for warning in &found.warnings {
        tracing::warn!("model catalogue: {warning}");
    }
    Ok(Json(found))
}

/// Who keeps vectors of a model that is ending, whether or not a role still relies on it.
async fn vectors_of_ending_models(state: &AppState) -> Result<Vec<String>, Problem> {
    let catalog = &state.ledger.rules().catalog;
    let today = state.clock.now().date();
    let mut warnings = Vec::new();
    for model in catalog.models().filter(|model| model.kind == ModelKind::Embedding) {
        let Some(warning) = catalog.vectors_warning(&model.id, today) else { continue };
        let mut names =
            businesses_with_vectors_of(state.documents.as_ref(), &model.id, MOST_NAMED + 1).await?;
        if names.len() > MOST_NAMED {
            names[MOST_NAMED] = "others".into();
        }
        if !names.is_empty() {
            warnings.push(format!("{}: {warning}", names.join(", ")));
        }
    }
    Ok(warnings)
}
