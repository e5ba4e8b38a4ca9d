//! Which providers answer: the configured ones, or the simulation when none is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ports::{Embedder, ModelProvider, Secret};
use providers::{Api, OpenAi, Simulated, openai, simulated::Faults};
use service::{Env, Mode, StartError};

type Configured = (BTreeMap<String, Arc<dyn ModelProvider>>, Arc<dyn Embedder>);

/// Providers from the environment.
pub(crate) fn from_env(env: &Env) -> Result<Configured, StartError> {
    if env.mode()? != Mode::Local {
        return Err(StartError::other(
            "APP_MODE: this program is the laptop's; in the cloud each function has its own",
        ));
    }
    let key = env.optional("OPENAI_API_KEY").map(Secret::new);
    let base_url = env.optional("OPENAI_BASE_URL");
    if key.is_none() && base_url.is_none() {
        return simulated(env);
    }
    // OpenAI itself speaks Responses; a compatible server is asked for chat completions unless told otherwise.
    let default_api = if base_url.is_some() { "chat" } else { "responses" };
    let api = match env.optional("OPENAI_API").unwrap_or(default_api) {
        "responses" => Api::Responses,
        "chat" => Api::ChatCompletions,
        other => return Err(StartError::other(format!("OPENAI_API: `{other}` is not responses or chat"))),
    };
    let client = OpenAi::new(base_url.unwrap_or(openai::OPENAI), api, key).map_err(StartError::other)?;
    let client = Arc::new(client);
    Ok((BTreeMap::from([("openai".into(), client.clone() as Arc<dyn ModelProvider>)]), client))
}

fn simulated(env: &Env) -> Result<Configured, StartError> {
    let latency_ms = env.parsed("SIMULATED_LATENCY_MS", 40, "a whole number of milliseconds")?;
    let seed = env.parsed("SIMULATED_SEED", 0, "a whole number")?;
    let faults: Faults = env
        .optional("SIMULATED_FAULTS")
        .unwrap_or_default()
        .parse()
        .map_err(|error| StartError::other(format!("SIMULATED_FAULTS: {error}")))?;
    let stand_in = |name: &str| Arc::new(Simulated::new(name, Duration::from_millis(latency_ms), seed, faults));
    let openai = stand_in("openai");
    let providers: [(String, Arc<dyn ModelProvider>); 2] =
        [("openai".into(), openai.clone()), ("gemini".into(), stand_in("gemini"))];
    tracing::info!("no provider is configured: answers are simulated");
    Ok((BTreeMap::from(providers), openai))
}
