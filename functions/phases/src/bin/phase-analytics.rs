//! `phase-analytics` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use domain::phase::Phase;
use phases::{AppState, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("phase-analytics", async |env| {
        let cloud = Cloud::from_env("phase-analytics", env)?;
        let state = AppState { engine: cloud.worker(env)? };
        Ok(cloud.serve(router(Phase::Analytics, state)))
    })
    .await
}
