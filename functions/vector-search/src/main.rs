//! `vector-search` on Google Cloud. What it does is in `lib.rs`; this file only wires it up.

use std::process::ExitCode;

use cloud::Cloud;
use vector_search::{AppState, router};
use vectors::Vectors;

#[tokio::main]
async fn main() -> ExitCode {
    service::run("vector-search", async |env| {
        let cloud = Cloud::from_env("vector-search", env)?;
        let vectors = Vectors {
            ledger: cloud.ledger.clone(),
            documents: cloud.documents.clone(),
            index: Cloud::vectors(env)?,
            gateway: Cloud::gateway(env)?,
            clock: cloud.clock.clone(),
        };
        Ok(cloud.serve(router(AppState { vectors })))
    })
    .await
}
