//! The life of every function's process: start, serve, drain.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use axum::{Router, serve::ListenerExt as _};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{Env, InvalidEnv, Mode, telemetry};

/// Exit code for bad configuration (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;
/// The address of Lambda's runtime interface; this variable is set only on AWS Lambda.
const LAMBDA: &str = "AWS_LAMBDA_RUNTIME_API";
/// Cloud Run kills the process ten seconds after SIGTERM; requests in flight get this part of it.
const DRAIN: Duration = Duration::from_secs(8);

/// Why a function could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Env(#[from] InvalidEnv),
    /// Something that a setting points to is missing or wrong.
    #[error("{0}")]
    Other(String),
}

impl StartError {
    /// An error with any other reason.
    pub fn other(reason: impl std::fmt::Display) -> Self {
        Self::Other(reason.to_string())
    }
}

/// Runs a function: reads the environment, builds its router, serves until SIGTERM or SIGINT,
/// drains.
///
/// Every configuration error ends the process with exit code 64 and one line that names the
/// setting, before a port is bound.
///
/// On AWS Lambda (`AWS_LAMBDA_RUNTIME_API` is set) a build with the feature `lambda` takes its
/// requests from there instead of binding a port; the rest is the same.
pub async fn run(
    name: &str,
    build: impl AsyncFnOnce(&Env) -> Result<Router, StartError>,
) -> ExitCode {
    let env = Env::of_process();
    let settings = env.mode().and_then(|mode| Ok((mode, env.port()?, env.log_filter()?)));
    let (mode, port, filter) = match settings {
        Ok(settings) => settings,
        Err(error) => return refuse(name, &error.into()),
    };
    telemetry::start(mode, filter);
    env.log_misread();
    let router = match build(&env).await {
        Ok(router) => router,
        Err(error) => return refuse(name, &error),
    };
    if env.optional(LAMBDA).is_some() {
        #[cfg(feature = "lambda")]
        return crate::lambda::run(name, router, &env).await;
        #[cfg(not(feature = "lambda"))]
        tracing::warn!(
            "{LAMBDA} is set, but this build of {name} has no `lambda` feature: it serves on PORT"
        );
    }
    // In local mode the service is reachable only from the same machine; in a container it must be
    // reachable from outside.
    let host = if mode == Mode::Local { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let listener = match TcpListener::bind(SocketAddr::from((host, port))).await {
        Ok(listener) => listener,
        Err(error) => {
            return refuse(
                name,
                &StartError::Other(format!("PORT: cannot listen on {host}:{port}: {error}")),
            );
        }
    };
    match serve(name, listener, router, &env).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "{name} stopped serving");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn refuse(name: &str, error: &StartError) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{name}: {error}");
    ExitCode::from(BAD_CONFIGURATION)
}

async fn serve(
    name: &str,
    listener: TcpListener,
    router: Router,
    env: &Env,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!("{name} listens on http://{address}");
    // Without TCP_NODELAY, Nagle's algorithm delays a streamed answer by 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let shutdown = env.shutdown();
    let asked = shutdown.clone();
    // Without this, each connection would copy every route.
    let served =
        axum::serve(listener, router.into_make_service()).with_graceful_shutdown(async move {
            termination().await;
            asked.cancel();
        });
    let drained_out = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = served => served,
        () = drained_out => {
            tracing::warn!("{name} ends with requests still in flight");
            Ok(())
        }
    }
}

pub(crate) async fn termination() {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    } else {
        tracing::error!("signals cannot be watched; only a kill ends this process");
        std::future::pending::<()>().await;
    }
}
