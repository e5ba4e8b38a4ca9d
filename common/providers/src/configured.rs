//! Which providers a process uses, by configuration: the real ones, or the simulation on a laptop
//! where none is configured.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ports::{Embedder, ModelProvider, SecretSource, TokenSource};

use crate::{Api, Gemini, OpenAi, gemini::GEMINI, openai::OPENAI};
use simulation::{Faults, Simulated};

/// The providers of a process.
pub struct Configured {
    /// Language models, by the provider's name in the catalogue.
    pub models: BTreeMap<String, Arc<dyn ModelProvider>>,
    /// The provider of embeddings.
    pub embedder: Arc<dyn Embedder>,
}

/// The message for an invalid setting; it names the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misconfigured(String);

/// The providers of a process: the simulation on a laptop where none is configured, the real ones
/// otherwise. In the cloud a client never gets a simulated answer.
pub fn chosen<'a>(
    is_laptop: bool,
    setting: impl Fn(&str) -> Option<&'a str>,
    secrets: Arc<dyn SecretSource>,
    tokens: Option<Arc<dyn TokenSource>>,
) -> Result<Configured, Misconfigured> {
    let is_set = |name: &&str| setting(name).is_some();
    if is_laptop
        && !["OPENAI_API_KEY", "OPENAI_BASE_URL", "GEMINI_API_KEY", "GEMINI_BASE_URL"]
            .iter()
            .any(is_set)
    {
        tracing::info!("no provider is configured: answers are simulated");
        return simulated(setting);
    }
    real(setting, secrets, tokens)
}

/// The real providers: OpenAI, or a compatible server at `OPENAI_BASE_URL` with the protocol that
/// `OPENAI_API` selects; and Gemini, through Google's Developer API at `GEMINI_BASE_URL`, or with
/// `GEMINI_API=vertex` through Vertex AI at `VERTEX_BASE_URL` in `GCP_PROJECT_ID` and `GCP_REGION`,
/// with access tokens from `tokens`. With `OPENAI_BACKGROUND=off` no call runs in OpenAI's
/// background mode, and an answer lost in a crash is paid for again. Keys are read from `secrets`
/// when needed: a provider without a key refuses its attempts, so that the next in the chain is
/// tried.
pub fn real<'a>(
    setting: impl Fn(&str) -> Option<&'a str>,
    secrets: Arc<dyn SecretSource>,
    tokens: Option<Arc<dyn TokenSource>>,
) -> Result<Configured, Misconfigured> {
    let base_url = setting("OPENAI_BASE_URL");
    // OpenAI itself uses the Responses API; a compatible server gets chat completions unless
    // configured otherwise.
    let default_api = if base_url.is_some() { "chat" } else { "responses" };
    let api = match setting("OPENAI_API").unwrap_or(default_api) {
        "responses" => Api::Responses,
        "chat" => Api::ChatCompletions,
        other => {
            return Err(Misconfigured(format!("OPENAI_API: `{other}` is not responses or chat")));
        }
    };
    let gemini = gemini(&setting, secrets.clone(), tokens)?;
    let openai = OpenAi::new(base_url.unwrap_or(OPENAI), api, secrets);
    let openai = Arc::new(match setting("OPENAI_BACKGROUND").unwrap_or("on") {
        "on" => openai,
        "off" => openai.connected_only(),
        other => {
            return Err(Misconfigured(format!("OPENAI_BACKGROUND: `{other}` is not on or off")));
        }
    });
    let models: [(String, Arc<dyn ModelProvider>); 2] =
        [("openai".into(), openai.clone()), ("gemini".into(), Arc::new(gemini))];
    Ok(Configured { models: BTreeMap::from(models), embedder: openai })
}

fn gemini<'a>(
    setting: impl Fn(&str) -> Option<&'a str>,
    secrets: Arc<dyn SecretSource>,
    tokens: Option<Arc<dyn TokenSource>>,
) -> Result<Gemini, Misconfigured> {
    match setting("GEMINI_API").unwrap_or("developer") {
        "developer" => Ok(Gemini::developer(setting("GEMINI_BASE_URL").unwrap_or(GEMINI), secrets)),
        "vertex" => {
            let required = |name: &str| {
                setting(name).ok_or_else(|| Misconfigured(format!("{name}: is not set")))
            };
            let (project, region) = (required("GCP_PROJECT_ID")?, required("GCP_REGION")?);
            let tokens = tokens.ok_or_else(|| {
                Misconfigured("GEMINI_API: vertex needs Google's credentials, which this program does not use".into())
            })?;
            Ok(Gemini::vertex(setting("VERTEX_BASE_URL"), project, region, tokens))
        }
        other => Err(Misconfigured(format!("GEMINI_API: `{other}` is not developer or vertex"))),
    }
}

/// The simulation under every provider's name, with `SIMULATED_LATENCY_MS`, `SIMULATED_SEED` and
/// `SIMULATED_FAULTS`.
pub fn simulated<'a>(
    setting: impl Fn(&str) -> Option<&'a str>,
) -> Result<Configured, Misconfigured> {
    let whole = |name: &str, default: u64| match setting(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| Misconfigured(format!("{name}: `{text}` is not a whole number"))),
    };
    let (latency, seed) =
        (Duration::from_millis(whole("SIMULATED_LATENCY_MS", 40)?), whole("SIMULATED_SEED", 0)?);
    let faults = setting("SIMULATED_FAULTS").unwrap_or_default().parse::<Faults>();
    let faults = faults.map_err(|error| Misconfigured(format!("SIMULATED_FAULTS: {error}")))?;
    let simulate = |name: &str| Arc::new(Simulated::new(name, latency, seed, faults));
    let openai = simulate("openai");
    let models: [(String, Arc<dyn ModelProvider>); 2] =
        [("openai".into(), openai.clone()), ("gemini".into(), simulate("gemini"))];
    Ok(Configured { models: BTreeMap::from(models), embedder: openai })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use ports::{Secret, SecretError};

    use super::*;

    struct Nobody;

    #[async_trait]
    impl SecretSource for Nobody {
        async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
            Err(SecretError::NotFound(name.into()))
        }
    }

    #[async_trait]
    impl TokenSource for Nobody {
        async fn token(&self) -> Result<Secret, SecretError> {
            Err(SecretError::NotFound("token".into()))
        }
    }

    #[test]
    fn a_wrong_provider_setting_is_named() {
        let check = |settings: &[(&str, &'static str)],
                     has_tokens: bool,
                     expect: Result<(), &str>| {
            let setting =
                |name: &str| settings.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
            let tokens = has_tokens.then(|| Arc::new(Nobody) as Arc<dyn TokenSource>);
            let names = real(setting, Arc::new(Nobody), tokens)
                .map(|real| real.models.into_keys().collect::<Vec<_>>());
            let expect = expect.map(|()| vec!["gemini".to_owned(), "openai".to_owned()]);
            assert_eq!(names, expect.map_err(|error| Misconfigured(error.into())), "{settings:?}");
        };
        let (project, region) = (("GCP_PROJECT_ID", "p"), ("GCP_REGION", "global"));
        check(&[], false, Ok(()));
        check(&[("OPENAI_API", "x")], false, Err("OPENAI_API: `x` is not responses or chat"));
        check(
            &[("OPENAI_BACKGROUND", "no")],
            false,
            Err("OPENAI_BACKGROUND: `no` is not on or off"),
        );
        check(&[("GEMINI_API", "x")], false, Err("GEMINI_API: `x` is not developer or vertex"));
        check(&[("GEMINI_API", "vertex"), project, region], true, Ok(()));
        check(&[("GEMINI_API", "vertex"), project], true, Err("GCP_REGION: is not set"));
        let nobody =
            "GEMINI_API: vertex needs Google's credentials, which this program does not use";
        check(&[("GEMINI_API", "vertex"), project, region], false, Err(nobody));
    }
}
