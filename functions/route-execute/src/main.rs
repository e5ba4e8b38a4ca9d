//! `route-execute` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::{process::ExitCode, sync::Arc};

use cloud::Cloud;
use route_execute::{AppState, router};
use service::{Mode, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("route-execute", async |env| {
        let cloud = Cloud::from_env("route-execute", env)?;
        let setting = |name: &str| env.optional(name);
        // The simulation has no place where a client could take its answers for real ones.
        let is_rehearsal =
            env.mode()? == Mode::Local && setting("OPENAI_BASE_URL").or(setting("OPENAI_API_KEY")).is_none();
        let providers = if is_rehearsal {
            providers::simulation(setting)
        } else {
            providers::real(setting, cloud.secrets.clone(), None)
        };
        let providers = providers.map_err(StartError::other)?;
        let state = AppState {
            ledger: cloud.ledger.clone(),
            providers: Arc::new(providers.models),
            embedder: providers.embedder,
            token_counter: Arc::new(providers::O200k::default()),
            memory: Arc::default(),
            clock: cloud.clock.clone(),
            ids: cloud.ids.clone(),
        };
        Ok(cloud.serve(router(state)))
    })
    .await
}
