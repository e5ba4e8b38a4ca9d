//! `local`: every function in one process over one SQLite file, with the page at `/`.
//!
//! The routers are those that the cloud deploys one by one; events and calls between functions are
//! the same requests, passed on inside the process.

mod assemble;
mod page;
mod parts;
mod providers;
mod push;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use embedded::{Delivery, Store};
use ports::Clock;
use service::{CallerRole, Signer, StartError};
use tokio_util::sync::CancellationToken;

pub use assemble::assemble;
pub use parts::{DEMO_BUSINESS, Parts};

/// The interval of the sweep; in the cloud a scheduler runs it each minute.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// Topics with a subscriber in this process.
const TOPICS: [&str; 5] = [
    "phase-research",
    "phase-strategy",
    "phase-campaign",
    "phase-analytics",
    embedded::DEAD_LETTER_TOPIC,
];

/// The assembled process before it runs.
pub struct Local {
    /// The router with every route.
    pub router: Router,
    /// Verifies tokens.
    pub auth: Arc<service::Auth>,
    /// Signs tokens that `auth` accepts.
    pub signer: Signer,
    engine: workflow::Engine,
    delivery: Delivery,
    expiry: Option<Expiry>,
    shutdown: CancellationToken,
    lock: Option<std::fs::File>,
}

struct Expiry {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Expiry {
    async fn run(&self) {
        match self.store.expire(&self.clock.now().to_string()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!("{count} expired documents were deleted"),
            Err(error) => tracing::warn!(%error, "expired documents could not be deleted"),
        }
    }
}

impl Local {
    /// A token of an admin of the demonstration business, valid for a day; it gives access to
    /// everything on the laptop.
    pub fn development_token(&self) -> String {
        let business = domain::BusinessId::new(DEMO_BUSINESS).ok();
        self.signer.sign("developer", business.as_ref(), CallerRole::Admin, 24 * 3600)
    }

    /// Recovers what an earlier process left, starts delivering events and sweeping, and returns
    /// the router to serve. The caller must be the only writer of the store.
    pub async fn start(self) -> Result<Router, StartError> {
        let Self { router, auth: _, signer, engine, delivery, expiry, shutdown, lock } = self;
        engine
            .take_over()
            .await
            .map_err(|error| StartError::other(format!("DATA_DIR: {error}")))?;
        let pusher = signer.clone();
        let sign = move || pusher.sign("push", None, CallerRole::Service, 60);
        let stop = shutdown.clone();
        let delivered =
            delivery.run(router.clone(), TOPICS, sign, async move { stop.cancelled().await });
        tokio::spawn(delivered);
        tokio::spawn(sweep(router.clone(), signer, expiry, shutdown, lock));
        Ok(router)
    }
}

/// Sweeps until the process ends, and holds the directory's lock as long.
async fn sweep(
    router: Router,
    signer: Signer,
    expiry: Option<Expiry>,
    shutdown: CancellationToken,
    _lock: Option<std::fs::File>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
        let token = signer.sign("scheduler", None, CallerRole::Service, 60);
        let request =
            Request::post("/sweep").header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Ok(request) = request.body(Body::empty()) {
            let Ok(response) = tower::ServiceExt::oneshot(router.clone(), request).await;
            if !response.status().is_success() {
                tracing::warn!(http.status = response.status().as_u16(), "a sweep failed");
            }
        }
        if let Some(expiry) = &expiry {
            expiry.run().await;
        }
    }
}
