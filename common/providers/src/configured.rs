//! Which providers answer, by configuration: the real ones, or on a laptop without any the simulation.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ports::{Embedder, ModelProvider, SecretSource};

use crate::{Api, OpenAi, Simulated, openai::OPENAI, simulated::Faults};

/// The providers of a process.
pub struct Configured {
    /// Language models, by their providers' names in the catalogue.
    pub models: BTreeMap<String, Arc<dyn ModelProvider>>,
    /// Embeddings.
    pub embedder: Arc<dyn Embedder>,
}

/// A wrong setting, with its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misconfigured(String);

/// The real providers: OpenAI, or a compatible server at `OPENAI_BASE_URL`, spoken to as `OPENAI_API` says. Keys are read
/// from `secrets` when they are needed.
pub fn real<'a>(
    setting: impl Fn(&str) -> Option<&'a str>,
    secrets: Arc<dyn SecretSource>,
) -> Result<Configured, Misconfigured> {
    let base_url = setting("OPENAI_BASE_URL");
    // OpenAI itself speaks Responses; a compatible server is asked for chat completions unless told otherwise.
    let default_api = if base_url.is_some() { "chat" } else { "responses" };
    let api = match setting("OPENAI_API").unwrap_or(default_api) {
        "responses" => Api::Responses,
        "chat" => Api::ChatCompletions,
        other => return Err(Misconfigured(format!("OPENAI_API: `{other}` is not responses or chat"))),
    };
    let client = Arc::new(OpenAi::new(base_url.unwrap_or(OPENAI), api, secrets));
    Ok(Configured { models: BTreeMap::from([("openai".into(), client.clone() as _)]), embedder: client })
}

/// The simulation behind every provider's name, with `SIMULATED_LATENCY_MS`, `SIMULATED_SEED` and `SIMULATED_FAULTS`.
pub fn simulated<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Result<Configured, Misconfigured> {
    let whole = |name: &str, default: u64| match setting(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Misconfigured(format!("{name}: `{text}` is not a whole number"))),
    };
    let (latency, seed) = (Duration::from_millis(whole("SIMULATED_LATENCY_MS", 40)?), whole("SIMULATED_SEED", 0)?);
    let faults = setting("SIMULATED_FAULTS").unwrap_or_default().parse::<Faults>();
    let faults = faults.map_err(|error| Misconfigured(format!("SIMULATED_FAULTS: {error}")))?;
    let stand_in = |name: &str| Arc::new(Simulated::new(name, latency, seed, faults));
    let openai = stand_in("openai");
    let models: [(String, Arc<dyn ModelProvider>); 2] =
        [("openai".into(), openai.clone()), ("gemini".into(), stand_in("gemini"))];
    Ok(Configured { models: BTreeMap::from(models), embedder: openai })
}
