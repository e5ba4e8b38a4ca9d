//! `tasks` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use tasks::{AppState, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("tasks", async |env| {
        let cloud = Cloud::from_env("tasks", env)?;
        let state = AppState {
            engine: cloud.engine(),
            auth: cloud.auth.clone(),
            relay_url: env.required("RELAY_URL")?.into(),
            clock: cloud.clock.clone(),
        };
        Ok(cloud.serve(router(state)))
    })
    .await
}
