//! Configuration, read once before anything is bound.

use std::{collections::BTreeMap, fs, path::Path, str::FromStr};

use async_trait::async_trait;
use ports::{Secret, SecretError, SecretSource};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Where the process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// On a laptop: secrets come from the environment, the simulation is allowed.
    Local,
    /// In the cloud, before production.
    Staging,
    /// In production.
    Prod,
}

/// A missing or wrong setting: the process ends with exit code 64 before it binds.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{name}: {reason}")]
pub struct InvalidEnv {
    /// The variable.
    pub name: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// All settings of a process.
#[derive(Clone)]
pub struct Env {
    values: BTreeMap<String, String>,
    shutdown: CancellationToken,
}

impl Env {
    /// Settings from pairs, as tests give them.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, shutdown: CancellationToken::new() }
    }

    /// The process's environment; in local mode a `.env` file in the working directory fills in
    /// what is not set.
    pub fn of_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment enters")]
        let mut env = Self::from_pairs(std::env::vars());
        if matches!(env.mode(), Ok(Mode::Local)) {
            env.fill_from(Path::new(".env"));
        }
        env
    }

    /// The same with a value for a setting that is not set.
    #[must_use]
    pub fn with_default(mut self, name: &str, value: &str) -> Self {
        if self.optional(name).is_none() {
            self.values.insert(name.into(), value.into());
        }
        self
    }

    fn fill_from(&mut self, file: &Path) {
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            let line = line.trim();
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                let value = value.trim().trim_matches('"');
                self.values.entry(name.trim().into()).or_insert_with(|| value.into());
            }
        }
    }

    /// A setting that may be absent; an empty one counts as absent.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A setting that must be there.
    pub fn required(&self, name: &str) -> Result<&str, InvalidEnv> {
        self.optional(name).ok_or_else(|| invalid(name, "is not set"))
    }

    /// A setting of parts between commas; none when absent.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts = self.optional(name).unwrap_or_default().split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(Into::into).collect()
    }

    /// A parsed setting, or its default.
    pub fn parsed<T: FromStr>(
        &self,
        name: &str,
        default: T,
        expected: &str,
    ) -> Result<T, InvalidEnv> {
        let Some(text) = self.optional(name) else { return Ok(default) };
        text.parse().map_err(|_| invalid(name, format!("`{text}` is not {expected}")))
    }

    /// `APP_MODE`, local when absent.
    pub fn mode(&self) -> Result<Mode, InvalidEnv> {
        match self.optional("APP_MODE").unwrap_or("local") {
            "local" => Ok(Mode::Local),
            "staging" => Ok(Mode::Staging),
            "prod" => Ok(Mode::Prod),
            other => Err(invalid("APP_MODE", format!("`{other}` is not local, staging or prod"))),
        }
    }

    /// `PORT`, 8080 when absent; 0 takes a free one.
    pub fn port(&self) -> Result<u16, InvalidEnv> {
        self.parsed("PORT", 8080, "a port from 0 to 65535")
    }

    /// `RUST_LOG`: the least severe level that is logged, overall and by the modules that it names;
    /// `info` when absent.
    pub(crate) fn log_filter(&self) -> Result<Targets, InvalidEnv> {
        let all = Targets::new().with_default(LevelFilter::INFO);
        self.parsed("RUST_LOG", all, "a log filter, such as `info` or `warn,workflow=debug`")
    }

    /// Cancelled when the process is asked to end, so that long answers can say goodbye.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

/// An [`InvalidEnv`] about a variable.
pub(crate) fn invalid(name: &str, reason: impl Into<String>) -> InvalidEnv {
    InvalidEnv { name: name.into(), reason: reason.into() }
}

/// Secrets that are known from the start: those of the environment by their upper-case names, in
/// local mode only.
#[derive(Clone)]
pub struct EnvSecrets(BTreeMap<String, Secret>);

impl EnvSecrets {
    /// The secrets of an environment; refused outside local mode, where they belong in the secret
    /// service.
    pub fn new(env: &Env) -> Result<Self, InvalidEnv> {
        if env.mode()? != Mode::Local {
            return Err(invalid(
                "APP_MODE",
                "secrets come from the environment in local mode only",
            ));
        }
        let secrets = env
            .values
            .iter()
            .map(|(name, value)| (name.to_lowercase(), Secret::new(value.as_str())));
        Ok(Self(secrets.collect()))
    }
}

impl<N: Into<String>> FromIterator<(N, Secret)> for EnvSecrets {
    fn from_iter<I: IntoIterator<Item = (N, Secret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().map(|(name, secret)| (name.into(), secret)).collect())
    }
}

#[async_trait]
impl SecretSource for EnvSecrets {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let found = self.0.get(name).filter(|secret| !secret.expose().is_empty());
        found.cloned().ok_or_else(|| SecretError::NotFound(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: std::fmt::Debug>(result: Result<T, InvalidEnv>, expect: &str) {
        assert_eq!(result.unwrap_err().to_string(), expect);
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_would_be_right() {
        let env = Env::from_pairs([("PORT", "http"), ("APP_MODE", "production"), ("EMPTY", "")]);
        check(env.port(), "PORT: `http` is not a port from 0 to 65535");
        check(env.mode(), "APP_MODE: `production` is not local, staging or prod");
        check(env.required("EMPTY"), "EMPTY: is not set");
        assert_eq!(Env::from_pairs::<&str, &str>([]).port(), Ok(8080));
    }

    #[tokio::test]
    async fn secrets_come_from_the_environment_in_local_mode_only_and_cannot_be_printed() {
        let secrets = EnvSecrets::new(&Env::from_pairs([("OPENAI_API_KEY", "sk-1")])).unwrap();
        let secret = secrets.secret("openai_api_key").await.unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("sk-1", "Secret(…)"));
        assert!(
            EnvSecrets::new(&Env::from_pairs([("APP_MODE", "prod"), ("OPENAI_API_KEY", "sk-1")]))
                .is_err()
        );
    }
}
