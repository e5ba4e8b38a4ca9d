//! `route-execute` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::{process::ExitCode, sync::Arc};

use cloud::Cloud;
use route_execute::{AppState, router};
use service::{Mode, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("route-execute", async |env| {
        let cloud = Cloud::from_env("route-execute", env)?;
        let (is_laptop, tokens) = (env.mode()? == Mode::Local, Some(Cloud::tokens()?));
        let providers =
            providers::chosen(is_laptop, |name| env.optional(name), cloud.secrets.clone(), tokens);
        let providers = providers.map_err(StartError::other)?;
        let state = AppState {
            ledger: cloud.ledger.clone(),
            documents: cloud.documents.clone(),
            providers: Arc::new(providers.models),
            embedder: providers.embedder,
            token_counter: Arc::new(providers::O200k),
            memory: Arc::default(),
            clock: cloud.clock.clone(),
            ids: cloud.ids.clone(),
        };
        Ok(cloud.serve(router(state)))
    })
    .await
}
