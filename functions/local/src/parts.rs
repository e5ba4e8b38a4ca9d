//! The parts of the process: the embedded adapters and the configured providers.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path, sync::Arc};

use ::providers::Configured;
use domain::{BusinessId, rulebook::Rulebook, tier::Tier};
use embedded::{FileArtifacts, Store, VectorScan};
use ledger::documents::{SubscriptionDoc, subscription_key};
use ports::{
    ArtifactStore, Clock, Documents, Embedder, Ids, ModelProvider, Secret, SubscriptionStatus,
    TokenCounter, VectorIndex, Write,
};
use service::{Env, Signer, StartError, UuidIds, WallClock};
use tokio_util::sync::CancellationToken;

use crate::providers;

/// The business of the development token.
pub const DEMO_BUSINESS: &str = "demo";
const DEFAULT_DATA_DIR: &str = ".data";

/// Adapters and settings; tests can replace each.
pub struct Parts {
    /// The document store.
    pub documents: Arc<dyn Documents>,
    /// The store of large artefacts.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// The vector index.
    pub vectors: Arc<dyn VectorIndex>,
    /// Language models, by provider name.
    pub providers: BTreeMap<String, Arc<dyn ModelProvider>>,
    /// The provider of embeddings.
    pub embedder: Arc<dyn Embedder>,
    /// The token counter.
    pub token_counter: Arc<dyn TokenCounter>,
    /// Clock that tells the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of new ids.
    pub ids: Arc<dyn Ids>,
    /// Prices, tiers and task types.
    pub rules: Arc<Rulebook>,
    /// The secret that tokens are signed and verified with.
    pub jwt_secret: Secret,
    /// The audience (`aud`) of clients' tokens.
    pub audience: String,
    /// The port that the process listens on.
    pub port: u16,
    /// Origins that browsers may call from, besides its own.
    pub origins: Vec<String>,
    /// Cancelled when the process is asked to stop.
    pub shutdown: CancellationToken,
    /// The store behind `documents`, if expired documents are to be deleted there.
    pub expiring: Option<Store>,
    /// Lock held while the process uses its directory, because the store has one writer.
    pub lock: Option<fs::File>,
}

impl Parts {
    /// The parts that the environment selects, with data in `DATA_DIR`.
    pub fn from_env(env: &Env) -> Result<Self, StartError> {
        let dir = Path::new(env.optional("DATA_DIR").unwrap_or(DEFAULT_DATA_DIR)).to_owned();
        let unusable = |error: &dyn std::fmt::Display| {
            StartError::other(format!("DATA_DIR: {}: {error}", dir.display()))
        };
        fs::create_dir_all(&dir).map_err(|error| unusable(&error))?;
        let lock = fs::File::create(dir.join("lock")).map_err(|error| unusable(&error))?;
        lock.try_lock().map_err(|_| unusable(&"another process uses this directory"))?;
        let store = Store::open(&dir).map_err(|error| unusable(&error))?;
        let artifacts =
            FileArtifacts::open(dir.join("artifacts")).map_err(|error| unusable(&error))?;
        let Configured { models, embedder } = providers::from_env(env)?;
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let jwt_secret = match env.optional("JWT_SECRET") {
            Some(secret) if secret.len() >= Signer::LEAST_SECRET => Secret::new(secret),
            Some(_) => {
                return Err(StartError::other("JWT_SECRET: must hold at least 32 characters"));
            }
            None => stored_secret(&dir.join("jwt_secret")).map_err(|error| unusable(&error))?,
        };
        Ok(Self {
            vectors: Arc::new(VectorScan::new(&store)),
            expiring: Some(store.clone()),
            documents: Arc::new(store),
            artifacts: Arc::new(artifacts),
            providers: models,
            embedder,
            token_counter: Arc::new(::providers::O200k),
            clock,
            ids: Arc::new(UuidIds),
            rules: service::rulebook(env)?,
            jwt_secret,
            audience: env.optional("AUTH_AUDIENCE").unwrap_or("raptorflow").into(),
            port: env.port()?,
            origins: env.list("CORS_ORIGINS"),
            shutdown: env.shutdown(),
            lock: Some(lock),
        })
    }

    /// Gives the demonstration business a subscription if it has none.
    pub async fn seed(&self) -> Result<(), StartError> {
        let business = BusinessId::new(DEMO_BUSINESS).map_err(StartError::other)?;
        let subscription =
            SubscriptionDoc { tier: Tier::Enterprise, status: SubscriptionStatus::Trial };
        let write =
            Write::create(subscription_key(&business), &subscription).map_err(StartError::other)?;
        match self.documents.commit(vec![write]).await {
            Ok(_) | Err(ports::StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(StartError::other(format!("DATA_DIR: {error}"))),
        }
    }
}

/// The secret in a file that only its owner can read; created at the first start.
fn stored_secret(path: &Path) -> std::io::Result<Secret> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Ok(text) = fs::read_to_string(path)
        && text.trim().len() >= Signer::LEAST_SECRET
    {
        return Ok(Secret::new(text.trim()));
    }
    let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    Ok(Secret::new(secret))
}
