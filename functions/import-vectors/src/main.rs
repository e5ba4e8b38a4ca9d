//! `import-vectors` as a job on Google Cloud. What it does is in `lib.rs`; this file only wires it
//! up.

use std::process::ExitCode;

use cloud::Cloud;
use import_vectors::{Target, Work};

#[tokio::main]
async fn main() -> ExitCode {
    let work = match Work::parse(std::env::args_os()) {
        Ok(work) => work,
        Err(exit_code) => return exit_code,
    };
    service::job("import-vectors", async |env| {
        let target = Target {
            upsert: Cloud::transport(env, "VECTOR_UPSERT")?,
            search: Cloud::transport(env, "VECTOR_SEARCH")?,
        };
        Ok(work.run(&target).await)
    })
    .await
}
