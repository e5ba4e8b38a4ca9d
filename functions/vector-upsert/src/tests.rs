//! The routes over an in-memory store, the exact index and a gateway that counts what it is paid
//! for.

mod documents;
mod files;
mod hostile;
mod items;
mod reembed;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use axum::{
    Extension, Router,
    body::Body,
    http::{Request, header},
};
use domain::{BusinessId, NanoUsd, digest, rulebook::Rulebook, tier::Tier, vector::DIMENSIONS};
use embedded::{Store, VectorScan};
use http_body_util::BodyExt as _;
use ledger::{
    Ledger, LedgerPorts, StoredSubscriptions,
    documents::{SubscriptionDoc, subscription_key},
};
use ports::{
    Documents as _, EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, Gateway,
    GatewayError, GatewayRefusal, KeyedCall, Neighbour, Secret, SubscriptionStatus, VectorError,
    VectorIndex, VectorItem, VectorQuery, Write,
};
use serde_json::{Value, json};
use service::{Auth, CallerRole, EnvSecrets, Signer, auth::Keys};
use testkit::{FixedClock, MemoryArtifacts, MemoryDocuments, RecordingBus, SequentialIds};
use tower::ServiceExt as _;
use vectors::Vectors;

use crate::{AppState, Extractor, router};

/// What the fake gateway charges for a text, in nano-dollars.
const PRICE: i64 = 1_000;

/// Two businesses with subscriptions, `acme` and `other`.
struct World {
    router: Router,
    signer: Signer,
    documents: Arc<MemoryDocuments>,
    vectors: Arc<VectorScan>,
    gateway: Arc<CountingGateway>,
    clock: Arc<FixedClock>,
    lag: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::on("2026-11-22").await
    }

    async fn on(day: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let documents = Arc::new(MemoryDocuments::new());
        let vectors = Arc::new(VectorScan::new(&Store::open(dir.path()).unwrap()));
        let gateway = Arc::new(CountingGateway::default());
        let lag = Arc::new(AtomicI64::new(0));
        let clock = Arc::new(FixedClock::at(&format!("{day}T09:30:00Z")));
        let secret = Secret::new("a secret of at least thirty-two characters");
        let signer = Signer::new(secret.clone(), "raptorflow", clock.clone());
        let secrets: EnvSecrets = [("jwt_secret", secret)].into_iter().collect();
        let auth =
            Arc::new(Auth::new(Keys::Shared, Arc::new(secrets), "raptorflow", clock.clone()));
        let ports = LedgerPorts {
            documents: documents.clone(),
            artifacts: Arc::new(MemoryArtifacts::new()),
            subscriptions: Arc::new(StoredSubscriptions(documents.clone())),
            bus: Arc::new(RecordingBus::new()),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
        };
        let kept = Vectors {
            ledger: Ledger::new(ports, Arc::new(Rulebook::bundled().unwrap())),
            documents: documents.clone(),
            index: Arc::new(Lagging(vectors.clone(), lag.clone())),
            gateway: gateway.clone(),
            clock: clock.clone(),
        };
        let state = AppState { vectors: kept, extractor: Extractor::default() };
        let subscription = SubscriptionDoc { tier: Tier::Pro, status: SubscriptionStatus::Active };
        for name in ["acme", "other"] {
            let write = Write::create(subscription_key(&business(name)), &subscription).unwrap();
            documents.commit(vec![write]).await.unwrap();
        }
        let router =
            service::finish("vector-upsert", router(state), &[]).layer(Extension(auth.clone()));
        Self { router, signer, documents, vectors, gateway, clock, lag, _dir: dir }
    }

    /// Sends a request as a member of `acme`.
    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send_as("acme", method, path, body).await
    }

    async fn send_as(
        &self,
        member_of: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let token = self.signer.sign("tester", Some(&business(member_of)), CallerRole::Member, 60);
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn upsert(&self, items: Value) -> (u16, Value) {
        self.send("POST", "/v1/vectors/upsert", json!({ "business_id": "acme", "items": items }))
            .await
    }

    /// Ids of a business's vectors, nearest to a text first.
    async fn nearest(&self, owner: &str, text: &str) -> Vec<String> {
        let query = VectorQuery {
            business: business(owner),
            embedding: embedding(text),
            top_k: 100,
            filter: domain::vector::Filter::default(),
        };
        self.vectors
            .search(&query)
            .await
            .unwrap()
            .into_iter()
            .map(|neighbour| neighbour.id)
            .collect()
    }
}

fn business(name: &str) -> BusinessId {
    BusinessId::new(name).unwrap()
}

/// A text as a model understands it: no two models agree on any.
fn in_words_of(model: &str, text: &str) -> String {
    if model == "text-embedding-3-small" { text.into() } else { format!("{model}: {text}") }
}

/// A direction of its own for every text.
fn embedding(text: &str) -> Vec<f32> {
    let place = usize::from_str_radix(&digest(&[text])[..8], 16).unwrap() % DIMENSIONS;
    let mut embedding = vec![0.001; DIMENSIONS];
    embedding[place] = 1.0;
    embedding
}

/// The status, code and field of a refused request.
fn refusal((status, body): &(u16, Value)) -> (u16, &str, &str) {
    (*status, body["code"].as_str().unwrap(), body["field"].as_str().unwrap_or_default())
}

/// An index that says it is slow to show what was changed.
struct Lagging(Arc<VectorScan>, Arc<AtomicI64>);

#[async_trait]
impl VectorIndex for Lagging {
    async fn upsert(
        &self,
        business: &BusinessId,
        items: Vec<VectorItem>,
    ) -> Result<(), VectorError> {
        self.0.upsert(business, items).await
    }

    async fn delete(&self, business: &BusinessId, ids: &[String]) -> Result<(), VectorError> {
        self.0.delete(business, ids).await
    }

    async fn search(&self, query: &VectorQuery) -> Result<Vec<Neighbour>, VectorError> {
        self.0.search(query).await
    }

    fn lag_seconds(&self) -> i64 {
        self.1.load(Ordering::SeqCst)
    }
}

/// Charges each key once, like the real one.
#[derive(Default)]
struct CountingGateway {
    paid: Mutex<BTreeSet<String>>,
    texts: Mutex<Vec<String>>,
    refusing: Mutex<Option<GatewayRefusal>>,
    /// Nano-dollars of all calls.
    charged: Mutex<i64>,
    /// What somebody else writes during the next call.
    meanwhile: Mutex<Option<(Arc<MemoryDocuments>, Write)>>,
}

#[async_trait]
impl Gateway for CountingGateway {
    async fn execute(
        &self,
        _: &KeyedCall,
        _: &ExecuteRequest,
    ) -> Result<ExecuteResponse, GatewayError> {
        Err(GatewayError::Unavailable("only embeddings".into()))
    }

    async fn embed(
        &self,
        call: &KeyedCall,
        request: &EmbedRequest,
    ) -> Result<EmbedResponse, GatewayError> {
        if let Some(refusal) = self.refusing.lock().unwrap().clone() {
            return Err(GatewayError::Refused(refusal));
        }
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some((documents, write)) = meanwhile {
            documents.commit(vec![write]).await.unwrap();
        }
        let new = self.paid.lock().unwrap().insert(format!("{}/{}", request.business_id, call.key));
        let count = i64::try_from(request.texts.len()).unwrap();
        self.texts.lock().unwrap().extend(request.texts.clone());
        let cost = if new { count * PRICE } else { 0 };
        *self.charged.lock().unwrap() += cost;
        let model = request.model.clone().unwrap();
        let vectors =
            request.texts.iter().map(|text| embedding(&in_words_of(&model, text))).collect();
        Ok(EmbedResponse { vectors, model, cost: NanoUsd(cost) })
    }

    async fn cancel(&self, _: &BusinessId, _: &KeyedCall) -> Result<(), GatewayError> {
        Ok(())
    }
}
