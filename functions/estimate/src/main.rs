//! `estimate` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use estimate::{AppState, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("estimate", async |env| {
        let cloud = Cloud::from_env("estimate", env)?;
        let state = AppState { ledger: cloud.ledger.clone(), clock: cloud.clock.clone() };
        Ok(cloud.serve(router(state)))
    })
    .await
}
