//! `vector-upsert` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use vector_upsert::{AppState, Extractor, router};
use vectors::Vectors;

#[tokio::main]
async fn main() -> ExitCode {
    service::run("vector-upsert", async |env| {
        let cloud = Cloud::from_env("vector-upsert", env)?;
        let vectors = Vectors {
            ledger: cloud.ledger.clone(),
            documents: cloud.documents.clone(),
            index: Cloud::vectors(env)?,
            gateway: Cloud::gateway(env)?,
            clock: cloud.clock.clone(),
        };
        let state = AppState { vectors, extractor: Extractor::default() };
        Ok(cloud.serve(router(state)))
    })
    .await
}
