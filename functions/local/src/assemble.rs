//! Wires the parts: one ledger, one engine, and every function's router over them.

use std::sync::Arc;

use axum::{Extension, http::HeaderValue};
use embedded::RouterTransport;
use ports::{RemoteRetriever, gateway::RemoteGateway};
use service::{Auth, CallerRole, EnvSecrets, PushVerifier, Signer, Traced, auth::Keys};
use utoipa_axum::router::OpenApiRouter;
use workflow::{Engine, EnginePorts, Ledger, LedgerPorts, StoredSubscriptions};

use crate::{Expiry, Local, Parts, page, push::LocalPush};

/// Puts the process together. Nothing runs before [`Local::start`].
pub fn assemble(parts: Parts) -> Local {
    let (bus, delivery) = parts.bus;
    let bus = Arc::new(Traced(bus));
    let signer = Signer::new(parts.jwt_secret.clone(), &parts.audience, parts.clock.clone());
    let secrets: EnvSecrets = [("jwt_secret", parts.jwt_secret)].into_iter().collect();
    let auth =
        Arc::new(Auth::new(Keys::Shared, Arc::new(secrets), parts.audience, parts.clock.clone()));
    let caller = signer.clone();
    let transport =
        RouterTransport::new(move || caller.sign("gateway", None, CallerRole::Service, 60));
    let gateway = Arc::new(RemoteGateway(Traced(transport.clone())));
    let ledger_ports = LedgerPorts {
        documents: parts.documents.clone(),
        artifacts: parts.artifacts.clone(),
        subscriptions: Arc::new(StoredSubscriptions(parts.documents.clone())),
        bus: bus.clone(),
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
    };
    let ledger = Ledger::new(ledger_ports, parts.rules);
    let engine_ports = EnginePorts {
        documents: parts.documents.clone(),
        artifacts: parts.artifacts,
        bus,
        gateway: gateway.clone(),
        retriever: Arc::new(RemoteRetriever(Traced(transport.clone()))),
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
    };
    let engine = Engine::new(engine_ports, ledger.clone());
    let own =
        [format!("http://127.0.0.1:{}", parts.port), format!("http://localhost:{}", parts.port)];
    let (clock, ids) = (parts.clock, parts.ids);
    let expiry = parts.expiring.map(|store| Expiry { store, clock: clock.clone() });

    let routes = OpenApiRouter::new()
        .merge(estimate::router(estimate::AppState {
            ledger: ledger.clone(),
            clock: clock.clone(),
        }))
        .merge(route_execute::router(route_execute::AppState {
            ledger: ledger.clone(),
            documents: parts.documents.clone(),
            providers: Arc::new(parts.providers),
            embedder: parts.embedder,
            token_counter: parts.token_counter,
            memory: Arc::default(),
            clock: clock.clone(),
            ids: ids.clone(),
        }))
        .merge(vector_upsert::router(vector_upsert::AppState {
            ledger: ledger.clone(),
            documents: parts.documents.clone(),
            vectors: parts.vectors.clone(),
            gateway: gateway.clone(),
            clock: clock.clone(),
            extractor: vector_upsert::Extractor::default(),
        }))
        .merge(vector_search::router(vector_search::AppState {
            ledger: ledger.clone(),
            documents: parts.documents.clone(),
            vectors: parts.vectors,
            gateway: gateway.clone(),
            clock: clock.clone(),
        }))
        .merge(budget_check::router(budget_check::AppState {
            ledger,
            engine: engine.clone(),
            clock: clock.clone(),
            ids,
        }))
        .merge(tasks::router(tasks::AppState {
            engine: engine.clone(),
            auth: auth.clone(),
            relay_url: format!("ws://127.0.0.1:{}", parts.port),
            clock: clock.clone(),
        }))
        .merge(phase_research::router(phase_research::AppState { engine: engine.clone() }))
        .merge(phase_strategy::router(phase_strategy::AppState { engine: engine.clone() }))
        .merge(phase_campaign::router(phase_campaign::AppState { engine: engine.clone() }))
        .merge(phase_analytics::router(phase_analytics::AppState { engine: engine.clone() }))
        .merge(sweeper::router(sweeper::AppState { engine: engine.clone(), mirror: None }))
        .merge(ws_relay::router(ws_relay::AppState {
            engine: engine.clone(),
            documents: parts.documents,
            auth: auth.clone(),
            clock,
            origins: own.iter().chain(&parts.origins).cloned().collect(),
            shutdown: parts.shutdown.clone(),
            viewers: ws_relay::Viewers::default(),
            feeds: ws_relay::Feeds::default(),
        }));
    let origins: Vec<HeaderValue> =
        parts.origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let push: Arc<dyn PushVerifier> = Arc::new(LocalPush(auth.clone()));
    let served = service::finish("local", routes, &origins)
        .merge(page::router())
        .layer(Extension(auth.clone()))
        .layer(Extension(push));
    transport.connect(served.clone());
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
