//! The same router on AWS Lambda, behind API Gateway (payload format 2.0) or a function URL.
//!
//! Lambda sends one request at a time and freezes the process in between: work that outlives its
//! answer continues with the next request or not at all. Answers are sent whole, so event streams
//! and sockets do not work on Lambda.

use std::process::ExitCode;

use axum::Router;

use crate::{
    Env, StartError,
    server::{refuse, termination},
};

/// Variables that the runtime library reads itself; it panics when one is missing.
const READ_BY_THE_RUNTIME: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"];

/// Serves requests from the runtime interface until the environment is shut down.
pub(crate) async fn run(name: &str, router: Router, env: &Env) -> ExitCode {
    let checked =
        READ_BY_THE_RUNTIME.iter().try_for_each(|setting| env.required(setting).map(|_| ()));
    let megabytes = checked
        .and_then(|()| env.parsed("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0, "a number of megabytes"));
    let megabytes: i32 = match megabytes {
        Ok(megabytes) => megabytes,
        Err(error) => return refuse(name, &StartError::from(error)),
    };
    tracing::info!(megabytes, "{name} serves on AWS Lambda");
    tokio::select! {
        served = lambda_http::run(router) => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "{name} lost the runtime interface");
                ExitCode::FAILURE
            }
        },
        // Lambda shuts an environment down only when no request is in progress.
        () = termination() => {
            env.shutdown().cancel();
            ExitCode::SUCCESS
        }
    }
}
