//! Every function on a laptop. The behaviour is in the functions' own crates; this file only wires
//! them up.

use std::process::ExitCode;

use local::{Parts, assemble};

/// mimalloc, because a call allocates hundreds of times and much of it is freed by another thread,
/// which is slow in the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service::run("local", async |env| {
        let parts = Parts::from_env(env)?;
        parts.seed().await?;
        let port = parts.port;
        let local = assemble(parts);
        tracing::info!("open http://127.0.0.1:{port}/#token={}", local.development_token());
        local.start().await
    })
    .await
}
