//! Every error answer: RFC 9457 problem details with a stable `code` and a `detail` that helps.
//!
//! Which error when: libraries return enums shaped by what the caller can do; handlers turn them
//! into a [`Problem`] with `?`. Causes inside are logged once, here, and never sent.

mod vectors;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{budget::Refusal, routing::RouteError};
use ports::{GatewayError, StoreError};
use serde_json::{Map, Value, json};

use crate::trace::trace_id;

/// An error answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code.
    pub code: String,
    /// What happened and what would help.
    pub detail: String,
    /// Further fields of the body.
    pub fields: Map<String, Value>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with a status, a code and a detail.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            fields: Map::new(),
            retry_after: None,
        }
    }

    /// 400: the request is wrong in this field.
    pub fn invalid_field(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_field", detail).with("field", field)
    }

    /// A 404: the thing does not exist for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} was not found"))
    }

    /// 503: nothing was done.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
    }

    /// 500: a defect; the cause is logged, not sent.
    pub fn internal(cause: &str) -> Self {
        tracing::error!(cause, "a request failed");
        let detail = "something went wrong here; the trace_id finds it in the log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Adds a field to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// The same about a field inside another.
    #[must_use]
    pub fn inside(mut self, outer: &str) -> Self {
        if let Some(Value::String(field)) = self.fields.get_mut("field") {
            *field = format!("{outer}.{field}");
        }
        self
    }

    /// The body.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:raptorflow:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "trace_id": trace_id(),
        });
        if let Value::Object(fields) = &mut body {
            for (name, value) in &self.fields {
                fields.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status =
            StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::PAYMENT_REQUIRED);
        let problem = Self::new(status, refusal.code.as_str(), refusal.detail.clone());
        let fields = match serde_json::to_value(&refusal) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        Self { fields, ..problem }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        ledger::Error::from(error).into()
    }
}

impl From<ledger::Error> for Problem {
    fn from(error: ledger::Error) -> Self {
        use ledger::Error;
        let detail = error.to_string();
        match error {
            Error::Refused(refusal) => (*refusal).into(),
            Error::InProgress => {
                let detail = "the same call is being made; ask again with the same Idempotency-Key";
                Self {
                    retry_after: Some(2),
                    ..Self::new(StatusCode::CONFLICT, "in_progress", detail)
                }
            }
            Error::KeyReused => Self::new(StatusCode::CONFLICT, "idempotency_key_reused", detail),
            Error::Exhausted => Self::new(StatusCode::CONFLICT, "outcome_unknown", detail),
            Error::NotFound(what) => Self::not_found(&what),
            Error::WrongState(_) => Self::new(StatusCode::CONFLICT, "wrong_state", detail),
            Error::Contended => Self {
                retry_after: Some(1),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "contended", detail)
            },
            Error::Unavailable(cause) => {
                tracing::error!(cause, "the store is unavailable: nothing is admitted");
                Self::unavailable("the store is unavailable; nothing was done")
            }
            Error::Internal(cause) => Self::internal(&cause),
        }
    }
}

impl From<GatewayError> for Problem {
    /// A refusal or failure of the gateway is passed on as it came.
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Refused(refusal) | GatewayError::Failed(refusal) => {
                let status =
                    StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_GATEWAY);
                Self::new(status, &refusal.code, refusal.detail)
            }
            GatewayError::InProgress => ledger::Error::InProgress.into(),
            GatewayError::Unavailable(cause) => {
                tracing::warn!(cause, "the gateway is unavailable");
                Self::unavailable("model calls are unavailable; asking again is safe")
            }
        }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        use domain::budget::RefusalCode;
        let detail = error.to_string();
        match error {
            RouteError::UnknownTaskType(_) => {
                Self::new(StatusCode::BAD_REQUEST, "unknown_task_type", detail)
                    .with("field", "task_type")
            }
            RouteError::LocalTask(_) => {
                Self::new(StatusCode::BAD_REQUEST, "local_task_type", detail)
                    .with("field", "task_type")
            }
            RouteError::UnknownModel(_) => {
                Self::new(StatusCode::BAD_REQUEST, "unknown_model", detail).with("field", "model")
            }
            RouteError::NotCapable(_) => Self::new(StatusCode::BAD_REQUEST, "not_capable", detail),
            RouteError::TierRestricted { required, allowed, suggested_model } => Refusal {
                required: Some(required),
                allowed: Some(allowed),
                suggested_model: Some(suggested_model),
                ..Refusal::new(RefusalCode::ModelTierRestricted, detail)
            }
            .into(),
            RouteError::InputTooLarge { .. } => {
                Refusal::new(RefusalCode::InputTooLarge, detail).into()
            }
        }
    }
}
