//! Puts an instance together: the real ledger, engine and gateway over simulated ports.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Router};
use client::RemoteGateway;
use ledger::{Ledger, LedgerPorts, StoredSubscriptions};
use ports::{Clock, Documents, EventBus, Ids, ModelProvider, Secret, TokenCounter};
use service::{Auth, EnvSecrets, Signer, auth::Keys};
use workflow::{Engine, EnginePorts};

use crate::{
    bus::BusPort,
    graph::SmallGraph,
    instance::{Instance, InstanceClock, InstanceIds, Running},
    network::Network,
    provider::{AnswerSource, ProviderPort},
    store::StorePort,
};

const SECRET: &str = "a secret of a world that ends with its seed";
const AUDIENCE: &str = "raptorflow";

/// A token counter without results.
struct Nothing;

impl TokenCounter for Nothing {
    fn count(&self, _: &[&str]) -> Option<u64> {
        None
    }
}

/// An instance's connection to the gateway.
pub(crate) fn network(instance: &Arc<Instance>) -> Network {
    let clock: Arc<dyn Clock> = Arc::new(InstanceClock(instance.clone()));
    Network {
        instance: instance.clone(),
        signer: Signer::new(Secret::new(SECRET), AUDIENCE, clock),
    }
}

/// The functions that run on an instance.
pub(crate) fn assemble(instance: &Arc<Instance>) -> Running {
    let world = &instance.world;
    let documents: Arc<dyn Documents> = Arc::new(StorePort::new(instance.clone()));
    let bus: Arc<dyn EventBus> = Arc::new(BusPort(instance.clone()));
    let clock: Arc<dyn Clock> = Arc::new(InstanceClock(instance.clone()));
    let ids: Arc<dyn Ids> = Arc::new(InstanceIds(instance.clone()));
    let ledger_ports = LedgerPorts {
        documents: documents.clone(),
        artifacts: world.artifacts.clone(),
        subscriptions: Arc::new(StoredSubscriptions(documents.clone())),
        bus: bus.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let ledger = Ledger::new(ledger_ports, world.rules.clone());
    let engine_ports = EnginePorts {
        documents,
        artifacts: world.artifacts.clone(),
        bus,
        gateway: Arc::new(RemoteGateway(network(instance))),
        retriever: Arc::new(testkit::StubRetriever::default()),
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let engine = Engine::new(engine_ports, ledger.clone());
    let engine = match &world.author {
        AnswerSource::Notes => engine.running(Arc::new(SmallGraph)),
        AnswerSource::Analysis(_) => engine,
    };
    Running { engine, router: router(instance, ledger, clock, ids) }
}

fn router(
    instance: &Arc<Instance>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Router {
    let documents = Arc::new(StorePort::new(instance.clone()));
    let provider = |name: &'static str| {
        let provider: Arc<dyn ModelProvider> =
            Arc::new(ProviderPort { instance: instance.clone(), name });
        (name.to_owned(), provider)
    };
    let secrets: EnvSecrets = [("jwt_secret", Secret::new(SECRET))].into_iter().collect();
    let auth = Arc::new(Auth::new(Keys::Shared, Arc::new(secrets), AUDIENCE, clock.clone()));
    let routes = route_execute::router(route_execute::AppState {
        ledger,
        documents,
        providers: Arc::new(BTreeMap::from([provider("openai"), provider("gemini")])),
        embedder: Arc::new(ProviderPort { instance: instance.clone(), name: "openai" }),
        token_counter: Arc::new(Nothing),
        memory: Arc::default(),
        clock,
        ids,
    });
    service::finish("route-execute", routes, &[]).layer(Extension(auth))
}
