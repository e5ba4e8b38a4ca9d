//! Configuration, read once before anything is bound.

use std::{collections::BTreeMap, path::Path, str::FromStr};

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
    /// Name of the environment variable.
    pub name: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// All settings of a process.
#[derive(Clone)]
pub struct Env {
    values: BTreeMap<String, String>,
    /// Lines of the `.env` file that are no settings.
    misread: usize,
    shutdown: CancellationToken,
}

impl Env {
    /// Settings from pairs, as tests give them.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, misread: 0, shutdown: CancellationToken::new() }
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

    /// What is set already stays, also within the file. A file that cannot be opened sets nothing.
    fn fill_from(&mut self, file: &Path) {
        for setting in dotenvy::from_path_iter(file).into_iter().flatten() {
            match setting {
                Ok((name, value)) => {
                    self.values.entry(name).or_insert(value);
                }
                // The error holds what was written there, which may be a secret: it is only counted.
                Err(dotenvy::Error::LineParse(..)) => self.misread += 1,
                Err(_) => break,
            }
        }
    }

    /// Says whether lines of the `.env` file were passed over.
    pub(crate) fn log_misread(&self) {
        if self.misread > 0 {
            tracing::warn!(
                "{} lines of .env were passed over: a value with spaces needs quotes",
                self.misread
            );
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
    fn a_wrong_setting_is_named_with_valid_values() {
        let env = Env::from_pairs([("PORT", "http"), ("APP_MODE", "production"), ("EMPTY", "")]);
        check(env.port(), "PORT: `http` is not a port from 0 to 65535");
        check(env.mode(), "APP_MODE: `production` is not local, staging or prod");
        check(env.required("EMPTY"), "EMPTY: is not set");
        assert_eq!(Env::from_pairs::<&str, &str>([]).port(), Ok(8080));
    }

    #[test]
    fn an_env_file_fills_in_what_is_not_set() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "\
            # a comment\n\
            \n\
            PLAIN=value # and a comment\n\
            PLAIN=again\n\
            SET=file\n\
            export EXPORTED = yes\n\
            DOUBLE=\"two words # no comment\"\n\
            SINGLE='$HOME stays'\n\
            EMPTY=\n\
            SPACES=two words\n\
            no setting\n\
            LAST=a=b\n";
        std::fs::write(file.path(), text).unwrap();
        let mut env = Env::from_pairs([("SET", "process")]);
        env.fill_from(file.path());
        for (name, expect) in [
            ("PLAIN", Some("value")),
            ("SET", Some("process")),
            ("EXPORTED", Some("yes")),
            ("DOUBLE", Some("two words # no comment")),
            ("SINGLE", Some("$HOME stays")),
            ("EMPTY", None),
            ("SPACES", None),
            ("LAST", Some("a=b")),
        ] {
            assert_eq!(env.optional(name), expect, "{name}");
        }
        assert_eq!(env.misread, 2);
    }

    #[test]
    fn without_an_env_file_nothing_is_filled_in() {
        let mut env = Env::from_pairs([("SET", "process")]);
        env.fill_from(Path::new("/nowhere/.env"));
        // A folder can be opened and not be read.
        env.fill_from(Path::new("/"));
        assert_eq!((env.values.len(), env.misread), (1, 0));
    }

    #[tokio::test]
    async fn only_local_mode_reads_secrets_from_the_environment() {
        let secrets = EnvSecrets::new(&Env::from_pairs([("OPENAI_API_KEY", "sk-1")])).unwrap();
        let secret = secrets.secret("openai_api_key").await.unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("sk-1", "Secret(…)"));
        assert!(
            EnvSecrets::new(&Env::from_pairs([("APP_MODE", "prod"), ("OPENAI_API_KEY", "sk-1")]))
                .is_err()
        );
    }
}
