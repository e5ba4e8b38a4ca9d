//! The OpenAPI description and the middleware stack of every router.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
    response::IntoResponse as _,
    routing::get,
};
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::{Json, request};

/// The largest body, in bytes, of a route that sets no limit of its own.
const BODY_BYTES: usize = 1024 * 1024;

/// Turns a function's routes into what is served: adds `/health`, `/openapi.json` and the
/// middleware.
/// `origins` are the origins whose pages may call it; an empty list allows no cross-origin call.
/// `origins` are the browsers' origins that may call it; none allows no cross-origin call.
pub fn finish(name: &str, routes: OpenApiRouter, origins: &[HeaderValue]) -> Router {
    let (served, description) = routes.split_for_parts();
    // Handlers are cloned for every connection, and the description is large.
    let description = Arc::new(document(name, description));
    let health = json!({ "status": "ok", "function": name, "version": env!("CARGO_PKG_VERSION") });
    served
        .route("/health", get(move || async move { Json(health) }))
        .route("/openapi.json", get(move || async move { Json(&*description).into_response() }))
        .fallback(request::no_such_route)
        .method_not_allowed_fallback(request::method_not_allowed)
        // One stack: separate layers would each be boxed and copied for every request.
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn(request::traced))
                .layer(CatchPanicLayer::custom(request::panicked))
                .option_layer((!origins.is_empty()).then(|| cors(origins)))
                .layer(DefaultBodyLimit::max(BODY_BYTES)),
        )
}

/// The OpenAPI description with the function's own title.
pub fn document(name: &str, mut description: OpenApi) -> OpenApi {
    description.info = InfoBuilder::new()
        .title(format!("RaptorFlow {name}"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Marketing analyses with language models inside hard budgets."))
        .build();
    description
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ])
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{HeaderMap, Request, StatusCode},
    };
    use tower::ServiceExt as _;

    use super::*;

    async fn preflight(origins: &[HeaderValue], origin: &str) -> (StatusCode, HeaderMap) {
        let router = finish("f", OpenApiRouter::new(), origins);
        let request = Request::options("/health")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .body(Body::empty());
        let response = router.oneshot(request.unwrap()).await.unwrap();
        (response.status(), response.headers().clone())
    }

    #[tokio::test]
    async fn cors_allows_only_the_configured_origins() {
        let own = HeaderValue::from_static("https://app.example");
        let (status, headers) = preflight(std::slice::from_ref(&own), "https://app.example").await;
        assert_eq!(
            (status, headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN)),
            (StatusCode::OK, Some(&own))
        );
        let (_, headers) = preflight(&[own], "https://other.example").await;
        assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
        let (status, headers) = preflight(&[], "https://app.example").await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
    }
}
