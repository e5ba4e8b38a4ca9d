//! Context of a request, and the middleware that every route has.

use std::time::Instant;

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument as _;

use crate::{Problem, trace};

/// Gives every request a trace id and a span, and logs its outcome once.
pub(crate) async fn traced(request: Request, next: Next) -> Response {
    let id = trace::incoming(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!(
        "request",
        trace_id = id,
        http.method = method.as_str(),
        http.path = path
    );
    let handle = async {
        let started = Instant::now();
        let response = next.run(request).await;
        let (status, duration_ms) = (response.status().as_u16(), started.elapsed().as_millis());
        if status >= 500 {
            tracing::warn!(
                http.status = status,
                duration_ms,
                "{method} {path} was answered with {status}"
            );
        } else {
            tracing::debug!(
                http.status = status,
                duration_ms,
                "{method} {path} was answered with {status}"
            );
        }
        response
    };
    trace::in_trace_of(id, handle.instrument(span)).await
}

/// The problem for a path that no function serves.
pub(crate) async fn no_such_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_route", "GET /openapi.json lists the routes")
}

/// The problem for a method that a path does not support; the `allow` header lists those it does.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "GET /openapi.json lists the routes",
    )
}

/// Turns a panic into a problem, so that a panic in one request does not end the instance.
pub(crate) fn panicked(_cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Problem::internal("a handler panicked").into_response()
}

/// The client's `Idempotency-Key` header, if present: 1 to 255 printable ASCII characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let text = value.to_str().ok().filter(|text| (1..=255).contains(&text.len()));
        let detail = "Idempotency-Key must be 1 to 255 printable ASCII characters";
        let text = text.ok_or_else(|| Problem::invalid_field("Idempotency-Key", detail))?;
        Ok(Self(Some(text.into())))
    }
}

/// The value of a header, if it is present, readable and at most 255 characters long.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(HeaderValue::to_str)?.ok().filter(|text| text.len() <= 8192)
}
