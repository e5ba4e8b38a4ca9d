//! The providers of the process: the configured ones, or the simulation if there are none.

use std::sync::Arc;

use providers::Configured;
use service::{Env, EnvSecrets, Mode, StartError};

/// The providers that the environment configures.
pub(crate) fn from_env(env: &Env) -> Result<Configured, StartError> {
    if env.mode()? != Mode::Local {
        return Err(StartError::other(
            "APP_MODE: this program is the laptop's; in the cloud each function has its own",
        ));
    }
    let secrets = Arc::new(EnvSecrets::new(env)?);
    providers::chosen(true, |name| env.optional(name), secrets, None).map_err(StartError::other)
}
