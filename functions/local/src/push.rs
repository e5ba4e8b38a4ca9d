//! The push verifier on a laptop: the embedded bus signs with the process's own secret.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use service::{Auth, CallerRole, Problem, PushVerifier};

pub(crate) struct LocalPush(pub(crate) Arc<Auth>);

#[async_trait]
impl PushVerifier for LocalPush {
    async fn verify(&self, token: &str) -> Result<(), Problem> {
        let caller = self.0.verify(token).await?;
        if caller.role == CallerRole::Service && caller.subject == "push" {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "push_only", "only the event bus may push"))
    }
}
