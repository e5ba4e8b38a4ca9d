//! `vector-upsert` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use vector_upsert::{AppState, Extractor, router};

#[tokio::main]
async fn main() -> ExitCode {
    service::run("vector-upsert", async |env| {
        let cloud = Cloud::from_env("vector-upsert", env)?;
        let state = AppState {
            ledger: cloud.ledger.clone(),
            documents: cloud.documents.clone(),
            vectors: Cloud::vectors(env)?,
            gateway: Cloud::gateway(env)?,
            clock: cloud.clock.clone(),
            extractor: Extractor::default(),
        };
        Ok(cloud.serve(router(state)))
    })
    .await
}
