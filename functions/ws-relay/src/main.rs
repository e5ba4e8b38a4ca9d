//! `ws-relay` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use ws_relay::{AppState, Feeds, Viewers, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("ws-relay", async |env| {
        let cloud = Cloud::from_env("ws-relay", env)?;
        let state = AppState {
            engine: cloud.engine(),
            documents: cloud.documents.clone(),
            auth: cloud.auth.clone(),
            clock: cloud.clock.clone(),
            origins: env.list("CORS_ORIGINS"),
            shutdown: env.shutdown(),
            viewers: Viewers::default(),
            feeds: Feeds::default(),
        };
        Ok(cloud.serve(router(state)))
    })
    .await
}
