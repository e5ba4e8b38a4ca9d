//! Wires the parts: one ledger, one engine, and every function's router over them.

use std::sync::Arc;

use axum::{Extension, http::HeaderValue};
use client::{RemoteGateway, RemoteRetriever};
use domain::phase::Phase;
use embedded::{Bus, RouterTransport};
use ledger::{Ledger, LedgerPorts, StoredSubscriptions};
use ports::EventBus;
use service::{Auth, CallerRole, EnvSecrets, PushVerifier, Signer, Traced, auth::Keys};
use utoipa_axum::router::OpenApiRouter;
use vectors::Vectors;
use workflow::{Engine, EnginePorts};

use crate::{Expiry, Local, Parts, page, push::LocalPush};

/// Calls of functions to each other.
type LocalTransport = Traced<RouterTransport>;

/// Puts the process together. Nothing runs before [`Local::start`].
pub fn assemble(parts: Parts) -> Local {
    let (bus, delivery) = Bus::new(parts.clock.clone());
    let bus: Arc<dyn EventBus> = Arc::new(Traced(bus));
    let signer = Signer::new(parts.jwt_secret.clone(), &parts.audience, parts.clock.clone());
    let secrets: EnvSecrets = [("jwt_secret", parts.jwt_secret.clone())].into_iter().collect();
    let auth = Arc::new(Auth::new(
        Keys::Shared,
        Arc::new(secrets),
        parts.audience.clone(),
        parts.clock.clone(),
    ));
    let caller = signer.clone();
    let transport =
        RouterTransport::new(move || caller.sign("gateway", None, CallerRole::Service, 60));
    let engine = engine(&parts, bus, Traced(transport.clone()));
    let routes = routes(&parts, &engine, &auth, Traced(transport.clone()));
    let origins: Vec<HeaderValue> =
        parts.origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let push: Arc<dyn PushVerifier> = Arc::new(LocalPush(auth.clone()));
    let served = service::finish("local", routes, &origins)
        .merge(page::router())
        .layer(Extension(auth.clone()))
        .layer(Extension(push));
    transport.connect(served.clone());
    let expiry = parts.expiring.map(|store| Expiry { store, clock: parts.clock });
    Local {
        router: served,
        auth,
        signer,
        engine,
        delivery,
        expiry,
        shutdown: parts.shutdown,
        lock: parts.lock,
    }
}

/// The engine, and the ledger below it.
fn engine(parts: &Parts, bus: Arc<dyn EventBus>, transport: LocalTransport) -> Engine {
    let ledger_ports = LedgerPorts {
        documents: parts.documents.clone(),
        artifacts: parts.artifacts.clone(),
        subscriptions: Arc::new(StoredSubscriptions(parts.documents.clone())),
        bus: bus.clone(),
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
    };
    let ledger = Ledger::new(ledger_ports, parts.rules.clone());
    let engine_ports = EnginePorts {
        documents: parts.documents.clone(),
        artifacts: parts.artifacts.clone(),
        bus,
        gateway: Arc::new(RemoteGateway(transport.clone())),
        retriever: Arc::new(RemoteRetriever(transport)),
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
    };
    Engine::new(engine_ports, ledger)
}

/// The routes of every function.
fn routes(
    parts: &Parts,
    engine: &Engine,
    auth: &Arc<Auth>,
    transport: LocalTransport,
) -> OpenApiRouter {
    let own =
        [format!("http://127.0.0.1:{}", parts.port), format!("http://localhost:{}", parts.port)];
    let (ledger, clock) = (engine.ledger(), &parts.clock);
    let vectors = Vectors {
        ledger: ledger.clone(),
        documents: parts.documents.clone(),
        index: parts.vectors.clone(),
        gateway: Arc::new(RemoteGateway(transport)),
        clock: clock.clone(),
    };
    let phases = Phase::ALL.into_iter().fold(OpenApiRouter::new(), |routes, phase| {
        routes.merge(phases::router(phase, phases::AppState { engine: engine.clone() }))
    });
    OpenApiRouter::new()
        .merge(estimate::router(estimate::AppState {
            ledger: ledger.clone(),
            clock: clock.clone(),
        }))
        .merge(route_execute::router(route_execute::AppState {
            ledger: ledger.clone(),
            documents: parts.documents.clone(),
            providers: Arc::new(parts.providers.clone()),
            embedder: parts.embedder.clone(),
            token_counter: parts.token_counter.clone(),
            memory: Arc::default(),
            clock: clock.clone(),
            ids: parts.ids.clone(),
        }))
        .merge(vector_upsert::router(vector_upsert::AppState {
            vectors: vectors.clone(),
            extractor: vector_upsert::Extractor::default(),
        }))
        .merge(vector_search::router(vector_search::AppState { vectors }))
        .merge(budget_check::router(budget_check::AppState {
            ledger: ledger.clone(),
            engine: engine.clone(),
            clock: clock.clone(),
            ids: parts.ids.clone(),
        }))
        .merge(tasks::router(tasks::AppState {
            engine: engine.clone(),
            auth: auth.clone(),
            relay_url: format!("ws://127.0.0.1:{}", parts.port),
            clock: clock.clone(),
        }))
        .merge(phases)
        .merge(sweeper::router(sweeper::AppState { engine: engine.clone(), mirror: None }))
        .merge(ws_relay::router(ws_relay::AppState {
            engine: engine.clone(),
            documents: parts.documents.clone(),
            auth: auth.clone(),
            clock: clock.clone(),
            origins: own.iter().chain(&parts.origins).cloned().collect(),
            shutdown: parts.shutdown.clone(),
            viewers: ws_relay::Viewers::default(),
            feeds: ws_relay::Feeds::default(),
        }))
}
