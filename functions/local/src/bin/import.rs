//! `make import` and `make reembed`: move vectors over into the laptop's store, or to another
//! embedding model, by the same routes as everywhere and without a server.

use std::{process::ExitCode, sync::Arc};

use embedded::RouterTransport;
use import_vectors::{Target, Work};
use local::{Parts, assemble};
use service::CallerRole;

#[tokio::main]
async fn main() -> ExitCode {
    let work = match Work::parse(std::env::args_os()) {
        Ok(work) => work,
        Err(exit_code) => return exit_code,
    };
    service::job("import", async |env| {
        let parts = Parts::from_env(env)?;
        parts.seed().await?;
        let local = assemble(parts);
        let signer = local.signer.clone();
        let routes =
            RouterTransport::new(move || signer.sign("import", None, CallerRole::Service, 60));
        routes.connect(local.start().await?);
        let routes = Arc::new(routes);
        Ok(work.run(&Target { upsert: routes.clone(), search: routes }).await)
    })
    .await
}
