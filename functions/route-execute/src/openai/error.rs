//! A problem in OpenAI's shape.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use service::Problem;

/// The body: OpenAI's error object.
pub(crate) fn error_body(problem: &Problem) -> Value {
    let kind = match problem.status.as_u16() {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        _ if problem.status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    };
    json!({ "error": {
        "message": problem.detail, "type": kind, "param": problem.fields.get("field"), "code": problem.code,
    }})
}

/// A problem in OpenAI's shape, with our code.
pub(crate) fn openai_error(problem: &Problem) -> Response {
    let mut answer = (problem.status, axum::Json(error_body(problem))).into_response();
    if let Some(seconds) = problem.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status == StatusCode::BAD_GATEWAY {
        // Every model was tried, and some of it may have been paid: OpenAI's clients must not ask
        // again by themselves.
        answer.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
    }
    answer
}
