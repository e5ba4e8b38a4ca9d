//! `sweeper` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use sweeper::{AppState, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("sweeper", async |env| {
        let cloud = Cloud::from_env("sweeper", env)?;
        let state = AppState { engine: cloud.engine(), mirror: Some(cloud.usage_mirror()) };
        Ok(cloud.serve(router(state)))
    })
    .await
}
