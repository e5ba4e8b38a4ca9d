//! Serves the page at `/`: one file that starts an analysis and follows it.

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};

const PAGE: &str = include_str!("../page/index.html");
/// Allows no external resources and no frames; the page's script and style are inline.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'";

pub(crate) fn router() -> Router {
    Router::new().route(
        "/",
        get(|| async { ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response() }),
    )
}
