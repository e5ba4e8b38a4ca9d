//! What every function's `main.rs` starts from on Google Cloud: the adapters that its settings
//! name, the ledger and the engine over them, and who may call it.
//!
//! Nothing connects before it is used, so that a function answers its first probe at once.

mod absent;
mod caller;
mod settings;

use std::sync::Arc;

use axum::{Extension, Router, http::HeaderValue};
use client::{RemoteGateway, RemoteRetriever, Transport};
use gcp::{
    CloudStorage, Credentials, Firestore, FirestoreVectors, PubSub, SecretManager, VertexVectors,
};
use ledger::{Ledger, LedgerPorts, StoredSubscriptions};
use ports::{
    ArtifactStore, Clock, Documents, EventBus, Gateway, Ids, Retriever, SecretSource, TokenSource,
    UsageMirror, VectorIndex,
};
use service::{Auth, Env, EnvSecrets, Mode, PushVerifier, StartError, Traced, UuidIds, WallClock};
use supabase::{Chosen, SupabaseUsage};
use utoipa_axum::router::OpenApiRouter;
use workflow::{Engine, EnginePorts};

use absent::Absent;
use settings::Settings;

/// One function's surroundings.
pub struct Cloud {
    name: &'static str,
    /// The document store.
    pub documents: Arc<dyn Documents>,
    /// Large payloads.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// The event bus.
    pub bus: Arc<dyn EventBus>,
    /// The source of the provider keys and other secrets.
    pub secrets: Arc<dyn SecretSource>,
    /// Budgets and calls.
    pub ledger: Ledger,
    /// Authentication of callers.
    pub auth: Arc<Auth>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of fresh ids.
    pub ids: Arc<dyn Ids>,
    push: Option<Arc<dyn PushVerifier>>,
    origins: Vec<HeaderValue>,
    graph_rehearsal: Option<u32>,
}

impl Cloud {
    /// The surroundings of the function `name`, as its environment describes them.
    pub fn from_env(name: &'static str, env: &Env) -> Result<Self, StartError> {
        let settings = Settings::read(env)?;
        let credentials = Credentials::application_default().map_err(StartError::other)?;
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let ids: Arc<dyn Ids> = Arc::new(UuidIds);
        let secrets: Arc<dyn SecretSource> = if env.mode()? == Mode::Local {
            Arc::new(EnvSecrets::new(env)?)
        } else {
            let base_url = env.optional("SECRET_MANAGER_BASE_URL").map(Into::into);
            Arc::new(SecretManager::new(
                &settings.project,
                base_url,
                credentials.clone(),
                clock.clone(),
            ))
        };
        let firestore = Firestore::new(settings.firestore(), Some(credentials.clone()));
        let documents: Arc<dyn Documents> = Arc::new(firestore.map_err(StartError::other)?);
        let bus = PubSub::new(
            &settings.project,
            settings.pubsub_emulator.clone(),
            Some(credentials.clone()),
        );
        let bus: Arc<dyn EventBus> = Arc::new(Traced(bus));
        let artifacts: Arc<dyn ArtifactStore> = match &settings.bucket {
            Some(bucket) => {
                Arc::new(CloudStorage::new(bucket, settings.storage_emulator, Some(credentials)))
            }
            None => Arc::new(Absent("ARTIFACT_BUCKET")),
        };
        let stored = Arc::new(StoredSubscriptions(documents.clone()));
        let ledger_ports = LedgerPorts {
            documents: documents.clone(),
            artifacts: artifacts.clone(),
            subscriptions: Arc::new(Chosen::new(stored, secrets.clone(), clock.clone())),
            bus: bus.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        Ok(Self {
            name,
            ledger: Ledger::new(ledger_ports, service::rulebook(env)?),
            auth: Arc::new(caller::auth(env, secrets.clone(), clock.clone())?),
            push: caller::push(env, clock.clone())?,
            origins: env
                .list("CORS_ORIGINS")
                .iter()
                .filter_map(|origin| origin.parse().ok())
                .collect(),
            graph_rehearsal: settings.graph_rehearsal,
            documents,
            artifacts,
            bus,
            secrets,
            clock,
            ids,
        })
    }

    /// Who this process is to Google's own services.
    pub fn tokens() -> Result<Arc<dyn TokenSource>, StartError> {
        Ok(Arc::new(Credentials::application_default().map_err(StartError::other)?))
    }

    /// Where settled calls are copied to, if there is such a place.
    pub fn usage_mirror(&self) -> Arc<dyn UsageMirror> {
        Arc::new(SupabaseUsage::new(self.secrets.clone()))
    }

    /// The way to `route-execute`, for functions that have models called.
    pub fn gateway(env: &Env) -> Result<Arc<dyn Gateway>, StartError> {
        Ok(Arc::new(RemoteGateway(Self::http(env, "ROUTE_EXECUTE")?)))
    }

    /// The way to another function, named as in its `…_URL` and `…_AUDIENCE`.
    pub fn transport(env: &Env, function: &str) -> Result<Arc<dyn Transport>, StartError> {
        Ok(Arc::new(Self::http(env, function)?))
    }

    fn http(env: &Env, function: &str) -> Result<Traced<gcp::HttpTransport>, StartError> {
        let url = env.required(&format!("{function}_URL"))?;
        let audience = env.optional(&format!("{function}_AUDIENCE")).unwrap_or(url);
        Ok(Traced(gcp::HttpTransport::new(url, audience)))
    }

    /// The vectors that `VECTOR_BACKEND` names.
    pub fn vectors(env: &Env) -> Result<Arc<dyn VectorIndex>, StartError> {
        match env.optional("VECTOR_BACKEND").unwrap_or("firestore") {
            "firestore" => {
                let credentials = Credentials::application_default().map_err(StartError::other)?;
                let vectors =
                    FirestoreVectors::new(Settings::read(env)?.firestore(), Some(credentials));
                Ok(Arc::new(vectors.map_err(StartError::other)?))
            }
            "vertex" => {
                let target = settings::vertex(env)?;
                let credentials = Credentials::application_default().map_err(StartError::other)?;
                Ok(Arc::new(VertexVectors::new(target, credentials)))
            }
            other => Err(StartError::other(format!(
                "VECTOR_BACKEND: `{other}` is not firestore or vertex"
            ))),
        }
    }

    /// The engine of a function that starts, shows or ends tasks but has no model called.
    pub fn engine(&self) -> Engine {
        self.engine_over(
            Arc::new(Absent("ROUTE_EXECUTE_URL")),
            Arc::new(Absent("VECTOR_SEARCH_URL")),
        )
    }

    /// The engine of a function that works on tasks.
    pub fn worker(&self, env: &Env) -> Result<Engine, StartError> {
        Ok(self.engine_over(Self::gateway(env)?, Arc::new(Absent("VECTOR_SEARCH_URL"))))
    }

    /// The engine of the function that also reads what businesses keep.
    pub fn researcher(&self, env: &Env) -> Result<Engine, StartError> {
        Ok(self.engine_over(
            Self::gateway(env)?,
            Arc::new(RemoteRetriever(Self::http(env, "VECTOR_SEARCH")?)),
        ))
    }

    fn engine_over(&self, gateway: Arc<dyn Gateway>, retriever: Arc<dyn Retriever>) -> Engine {
        let ports = EnginePorts {
            documents: self.documents.clone(),
            artifacts: self.artifacts.clone(),
            bus: self.bus.clone(),
            gateway,
            retriever,
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        };
        let engine = Engine::new(ports, self.ledger.clone());
        match self.graph_rehearsal {
            Some(version) => engine.rehearsing(version),
            None => engine,
        }
    }

    /// What is served: the function's routes behind the middleware that all have.
    pub fn serve(&self, routes: OpenApiRouter) -> Router {
        let served =
            service::finish(self.name, routes, &self.origins).layer(Extension(self.auth.clone()));
        match &self.push {
            Some(push) => served.layer(Extension(push.clone())),
            None => served,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_unknown_vector_store_and_names_the_known() {
        let refused = |backend: &str| {
            Cloud::vectors(&Env::from_pairs([("VECTOR_BACKEND", backend)]))
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(
            refused("pinecone").as_deref(),
            Some("VECTOR_BACKEND: `pinecone` is not firestore or vertex")
        );
        assert_eq!(refused("vertex").as_deref(), Some("GCP_REGION: is not set"));
    }
}
