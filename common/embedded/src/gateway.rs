//! The gateway as a router in the same process: the same HTTP requests, without a socket.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use client::{COST_HEADER, RemoteGateway, Transport, WireAnswer, WireRequest};
use http_body_util::BodyExt;
use ports::GatewayError;
use tower::ServiceExt;

/// Sends gateway calls to a router.
///
/// The router usually contains the functions that use this gateway, so it is set later, by
/// [`RouterTransport::connect`].
#[derive(Clone)]
pub struct RouterTransport {
    router: Arc<OnceLock<Router>>,
    token: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The gateway client over a router.
pub type RouterGateway = RemoteGateway<RouterTransport>;

impl RouterTransport {
    /// A gateway without a router; `token` makes the bearer token of each request.
    pub fn new(token: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { router: Arc::default(), token: Arc::new(token) }
    }

    /// Sends calls to `router` from now on; later calls have no effect.
    pub fn connect(&self, router: Router) {
        // A router with its state in place is cheap to clone, and each call clones it.
        self.router.get_or_init(|| router.with_state(()));
    }
}

#[async_trait]
impl Transport for RouterTransport {
    async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError> {
        let router = self.router.get().ok_or_else(|| unavailable("no router is connected yet"))?;
        let mut sent = Request::post(request.path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", (self.token)()));
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        let sent = sent.body(Body::from(request.body.to_string())).map_err(unavailable)?;
        // No timeout: there is no network, and the handler enforces the call's deadline itself.
        let Ok(response) = router.clone().oneshot(sent).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(unavailable)?.to_bytes().into();
        let cost =
            parts.headers.get(COST_HEADER).and_then(|value| value.to_str().ok()).map(Into::into);
        Ok(WireAnswer { status: parts.status.as_u16(), cost, body })
    }
}

fn unavailable(reason: impl std::fmt::Display) -> GatewayError {
    GatewayError::Unavailable(reason.to_string())
}

#[cfg(test)]
mod tests;
