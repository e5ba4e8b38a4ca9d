//! Work that ends by itself: a Cloud Run job, or a command on a laptop.

use std::process::ExitCode;

use crate::{Env, StartError, server::refuse, telemetry};

/// Runs a job: reads the environment, starts the log, runs `work`. Invalid settings end the process
/// with exit code 64, as in a function that serves.
pub async fn job(
    name: &str,
    work: impl AsyncFnOnce(&Env) -> Result<ExitCode, StartError>,
) -> ExitCode {
    let env = Env::of_process();
    match env.mode().and_then(|mode| Ok((mode, env.log_filter()?))) {
        Ok((mode, filter)) => telemetry::start(mode, filter),
        Err(error) => return refuse(name, &error.into()),
    }
    env.log_misread();
    work(&env).await.unwrap_or_else(|error| refuse(name, &error))
}
