//! `phase-campaign` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use domain::phase::Phase;
use phases::{AppState, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("phase-campaign", async |env| {
        let cloud = Cloud::from_env("phase-campaign", env)?;
        let state = AppState { engine: cloud.worker(env)? };
        Ok(cloud.serve(router(Phase::Campaign, state)))
    })
    .await
}
