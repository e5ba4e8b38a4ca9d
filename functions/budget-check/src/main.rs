//! `budget-check` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use budget_check::{AppState, router};
use cloud::Cloud;

#[tokio::main]
async fn main() -> ExitCode {
    service::run("budget-check", async |env| {
        let cloud = Cloud::from_env("budget-check", env)?;
        let state = AppState {
            ledger: cloud.ledger.clone(),
            engine: cloud.engine(),
            clock: cloud.clock.clone(),
            ids: cloud.ids.clone(),
        };
        Ok(cloud.serve(router(state)))
    })
    .await
}
