//! `phase-research` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use domain::phase::Phase;
use phases::{AppState, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("phase-research", async |env| {
        let cloud = Cloud::from_env("phase-research", env)?;
        let state = AppState { engine: cloud.researcher(env)? };
        Ok(cloud.serve(router(Phase::Research, state)))
    })
    .await
}
