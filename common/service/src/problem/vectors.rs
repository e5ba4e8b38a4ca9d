//! What went wrong with vectors, as clients are told.

use axum::http::StatusCode;
use ports::VectorError;
use vectors::Error;

use super::Problem;

impl From<VectorError> for Problem {
    fn from(error: VectorError) -> Self {
        match error {
            VectorError::Invalid(reason) => Self::invalid_field("embedding", reason),
            VectorError::InvalidFilter(reason) => Self::invalid_field("filter", reason),
            VectorError::Unavailable(cause) => {
                tracing::error!(cause, "the vector index is unavailable");
                Self::unavailable("the vector index is unavailable; asking again is safe")
            }
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Ledger(error) => error.into(),
            Error::Gateway(error) => error.into(),
            Error::Search(VectorError::Invalid(reason)) => {
                Self::invalid_field("query_embedding", reason)
            }
            Error::Index(error) | Error::Search(error) => error.into(),
            Error::ModelEnded(model) | Error::QueryModelEnded(model) => {
                Self::new(StatusCode::CONFLICT, "embedding_model_ended", detail)
                    .with("embedding_model", model)
            }
            Error::ModelMismatch(recorded) => {
                Self::new(StatusCode::CONFLICT, "embedding_model_mismatch", detail)
                    .with("field", "embedding_model")
                    .with("embedding_model", recorded)
            }
            Error::NoEmbeddingModel => Self::invalid_field("embedding_model", detail),
            Error::OwnEmbeddingDuringMove { item } => {
                let field = item
                    .map_or_else(|| "items".into(), |index| format!("items[{index}].embedding"));
                Self::new(StatusCode::CONFLICT, "index_is_moving", detail).with("field", field)
            }
            Error::MovingElsewhere(_) => Self::new(StatusCode::CONFLICT, "index_is_moving", detail)
                .with("field", "embedding_model"),
            Error::Switching => Self {
                retry_after: Some(30),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "index_is_moving", detail)
            },
            Error::WithoutText { .. } => {
                Self::new(StatusCode::CONFLICT, "vectors_without_text", detail)
                    .with("field", "delete_without_text")
            }
            Error::PartlyKept { cause, items } => {
                Self::from(*cause).with("items", serde_json::to_value(items).unwrap_or_default())
            }
            Error::Internal(cause) => Self::internal(cause),
        }
    }
}
