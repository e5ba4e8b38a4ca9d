use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    Extension, Router,
    body::Body,
    http::{Request, header},
};
use domain::{BusinessId, NanoUsd, rulebook::Rulebook, tier::Tier, vector::DIMENSIONS};
use embedded::{Store, VectorScan};
use http_body_util::BodyExt as _;
use ledger::{
    Ledger, LedgerPorts, StoredSubscriptions,
    documents::{SubscriptionDoc, subscription_key},
};
use ports::{
    Documents as _, EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, Gateway,
    GatewayError, GatewayRefusal, Key, KeyedCall, Secret, SubscriptionStatus, VectorIndex as _,
    VectorItem, Write,
};
use serde_json::{Value, json};
use service::{Auth, CallerRole, EnvSecrets, Signer, auth::Keys};
use testkit::{FixedClock, MemoryArtifacts, MemoryDocuments, RecordingBus, SequentialIds};
use tower::ServiceExt as _;
use vectors::Vectors;

use crate::{AppState, router};

/// Two businesses with subscriptions; `acme` has keyed texts, `other` nothing.
struct World {
    router: Router,
    signer: Signer,
    documents: Arc<MemoryDocuments>,
    vectors: Arc<VectorScan>,
    gateway: Arc<RecordingGateway>,
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
        let gateway = Arc::new(RecordingGateway::default());
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
            index: vectors.clone(),
            gateway: gateway.clone(),
            clock,
        };
        let state = AppState { vectors: kept };
        let subscription = SubscriptionDoc { tier: Tier::Pro, status: SubscriptionStatus::Active };
        for name in ["acme", "other"] {
            let write = Write::create(subscription_key(&business(name)), &subscription).unwrap();
            documents.commit(vec![write]).await.unwrap();
        }
        let router =
            service::finish("vector-search", router(state), &[]).layer(Extension(auth.clone()));
        let world = Self { router, signer, documents, vectors, gateway, _dir: dir };
        world.keep("near", 0.9, json!({ "lang": "en", "year": 2026 })).await;
        world.keep("far", 0.1, json!({ "lang": "de", "year": 2024 })).await;
        let index = json!({ "embedding_model": "text-embedding-3-small" });
        let write = Write::create(Key::new("vector_indexes", "acme"), &index).unwrap();
        world.documents.commit(vec![write]).await.unwrap();
        world
    }

    /// Keeps a vector of `acme` as `vector-upsert` does, with this cosine to every query.
    async fn keep(&self, id: &str, cosine: f32, metadata: Value) {
        let item = VectorItem {
            id: id.into(),
            embedding: embedding(&[cosine, (1.0 - cosine * cosine).sqrt()]),
            metadata: metadata.as_object().unwrap().clone(),
        };
        self.vectors.upsert(&business("acme"), vec![item]).await.unwrap();
        let stored = json!({ "business": "acme", "id": id, "text": format!("{id} text"), "metadata": metadata,
            "embedding_model": "text-embedding-3-small", "content_hash": "hash" });
        let write = Write::create(Key::new("vectors", format!("acme:{id}")), &stored).unwrap();
        self.documents.commit(vec![write]).await.unwrap();
    }

    /// Searches as a member of `acme`.
    async fn search(&self, more: Value) -> (u16, Value) {
        self.search_as("acme", "acme", more).await
    }

    async fn search_as(&self, member_of: &str, owner: &str, more: Value) -> (u16, Value) {
        let token = self.signer.sign("tester", Some(&business(member_of)), CallerRole::Member, 60);
        let mut body = json!({ "business_id": owner });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = Request::post("/v1/vectors/search")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }
}

fn business(name: &str) -> BusinessId {
    BusinessId::new(name).unwrap()
}

fn embedding(components: &[f32]) -> Vec<f32> {
    let mut embedding = components.to_vec();
    embedding.resize(DIMENSIONS, 0.0);
    embedding
}

fn ids((status, body): &(u16, Value)) -> Vec<&str> {
    assert_eq!(*status, 200, "{body}");
    body["results"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect()
}

fn refusal((status, body): &(u16, Value)) -> (u16, &str, &str) {
    (*status, body["code"].as_str().unwrap(), body["field"].as_str().unwrap_or_default())
}

/// Embeds every text as the first axis.
#[derive(Default)]
struct RecordingGateway {
    calls: Mutex<Vec<(KeyedCall, EmbedRequest)>>,
    refusing: Mutex<Option<GatewayRefusal>>,
    /// What somebody else writes during the next call.
    meanwhile: Mutex<Option<(Arc<MemoryDocuments>, Write)>>,
}

#[async_trait]
impl Gateway for RecordingGateway {
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
        self.calls.lock().unwrap().push((call.clone(), request.clone()));
        let model = request.model.clone().unwrap();
        Ok(EmbedResponse { vectors: vec![embedding(&[1.0])], model, cost: NanoUsd(1_000) })
    }

    async fn cancel(&self, _: &BusinessId, _: &KeyedCall) -> Result<(), GatewayError> {
        Ok(())
    }
}

#[tokio::test]
async fn the_nearest_come_first_with_text_and_metadata() {
    let world = World::new().await;
    let answer = world.search(json!({ "query": "ships" })).await;
    assert_eq!(ids(&answer), ["near", "far"]);
    let first = &answer.1["results"][0];
    assert_eq!((&first["text"], &first["metadata"]["lang"]), (&json!("near text"), &json!("en")));
    let (score, distance) = (first["score"].as_f64().unwrap(), first["distance"].as_f64().unwrap());
    assert!((score - 0.9).abs() < 1e-5 && (score + distance - 1.0).abs() < 1e-6, "{first}");
    assert_eq!(
        ids(&world.search(json!({ "query_embedding": embedding(&[1.0]), "top_k": 1 })).await),
        ["near"]
    );
}

#[tokio::test]
async fn embeds_a_query_with_the_indexs_model() {
    let world = World::new().await;
    for query in ["ships", "ships", "cranes"] {
        world.search(json!({ "query": query })).await;
    }
    let calls = world.gateway.calls.lock().unwrap();
    assert!(calls[0].0 == calls[1].0 && calls[0].0 != calls[2].0);
    assert_eq!(calls[0].1.model.as_deref(), Some("text-embedding-3-small"));
}

#[tokio::test]
async fn filters_narrow_the_search() {
    let world = World::new().await;
    let filtered =
        async |filter: Value| world.search(json!({ "query": "ships", "filter": filter })).await;
    assert_eq!(ids(&filtered(json!({ "lang": "de" })).await), ["far"]);
    assert_eq!(ids(&filtered(json!({ "year": { "gte": 2026 } })).await), ["near"]);
    assert!(ids(&filtered(json!({ "lang": { "not": ["de", "en"] } })).await).is_empty());
    assert_eq!(
        refusal(&filtered(json!({ "year": { "near": 3 } })).await),
        (400, "invalid_field", "filter.year")
    );
}

#[tokio::test]
async fn another_business_finds_nothing_and_pays_nothing() {
    let world = World::new().await;
    assert!(ids(&world.search_as("other", "other", json!({ "query": "ships" })).await).is_empty());
    assert!(world.gateway.calls.lock().unwrap().is_empty());
    let foreign = world.search_as("other", "acme", json!({ "query": "ships" })).await;
    assert_eq!(refusal(&foreign), (403, "foreign_business", "business_id"));
}

#[tokio::test]
async fn a_vector_without_its_document_is_not_shown() {
    let world = World::new().await;
    let gone = Write::delete(Key::new("vectors", "acme:near"), ports::Precondition::Exists);
    world.documents.commit(vec![gone]).await.unwrap();
    assert_eq!(ids(&world.search(json!({ "query": "ships" })).await), ["far"]);
}

#[tokio::test]
async fn a_refused_embedding_is_answered_as_it_was_refused() {
    let world = World::new().await;
    let refused = GatewayRefusal {
        status: 402,
        code: "daily_budget_exceeded".into(),
        detail: "too much".into(),
    };
    *world.gateway.refusing.lock().unwrap() = Some(refused);
    assert_eq!(
        refusal(&world.search(json!({ "query": "ships" })).await),
        (402, "daily_budget_exceeded", "")
    );
}

#[tokio::test]
async fn wrong_requests_are_told_the_field() {
    let world = World::new().await;
    let check = async |more: Value, field: &str| {
        assert_eq!(
            refusal(&world.search(more.clone()).await),
            (400, "invalid_field", field),
            "{more}"
        );
    };
    check(json!({}), "query").await;
    check(json!({ "query": "a", "query_embedding": embedding(&[1.0]) }), "query").await;
    check(json!({ "query": " " }), "query").await;
    check(json!({ "query": "x".repeat(32_001) }), "query").await;
    check(json!({ "query_embedding": [1.0] }), "query_embedding").await;
    check(json!({ "query_embedding": embedding(&[]) }), "query_embedding").await;
    check(json!({ "query": "a", "top_k": 0 }), "top_k").await;
    check(json!({ "query": "a", "top_k": 101 }), "top_k").await;
    check(json!({ "query": "a", "filter": [] }), "filter").await;
    let answer = world.search(json!({ "query": "a", "limit": 3 })).await;
    assert_eq!(refusal(&answer), (400, "unknown_field", "limit"));
}

/// Says that another model made the vectors: one that ends on 14 May 2028.
async fn made_with_an_ending_model(world: &World) {
    let index = json!({ "embedding_model": "gemini-embedding-001" });
    let key = Key::new("vector_indexes", "acme");
    let seen = world.documents.get_one(&key).await.unwrap().unwrap().version;
    let of_it = ["near", "far"].map(|id| {
        let exists = ports::Precondition::Exists;
        Write::merge(Key::new("vectors", format!("acme:{id}")), exists)
            .set("embedding_model", "gemini-embedding-001")
    });
    let mut writes = vec![Write::replace(key, seen, &index).unwrap()];
    writes.extend(of_it);
    world.documents.commit(writes).await.unwrap();
}

/// Puts the index where a move has come to.
fn moved_to(stage: &str) -> Write {
    let key = Key::new("vector_indexes", "acme");
    let moving = json!({ "to": "text-embedding-3-large", "stage": stage, "done": 0 });
    Write::merge(key, ports::Precondition::Exists).set("moving", moving)
}

async fn moving(world: &World, stage: &str) {
    world.documents.commit(vec![moved_to(stage)]).await.unwrap();
}

#[tokio::test]
async fn a_switch_that_begins_during_a_search_is_noticed() {
    let world = World::new().await;
    *world.gateway.meanwhile.lock().unwrap() =
        Some((world.documents.clone(), moved_to("switching")));
    assert_eq!(
        refusal(&world.search(json!({ "query": "ships" })).await),
        (503, "index_is_moving", "")
    );
}

#[tokio::test]
async fn a_search_never_compares_vectors_of_two_models() {
    let world = World::new().await;
    moving(&world, "preparing").await;
    assert_eq!(ids(&world.search(json!({ "query": "ships" })).await), ["near", "far"]);
    let late = Key::new("vectors", "acme:far");
    let late = Write::merge(late, ports::Precondition::Exists)
        .set("embedding_model", "text-embedding-3-large");
    world.documents.commit(vec![late]).await.unwrap();
    assert_eq!(ids(&world.search(json!({ "query": "ships" })).await), ["near"]);
    moving(&world, "switching").await;
    for query in [json!({ "query": "ships" }), json!({ "query_embedding": embedding(&[1.0]) })] {
        assert_eq!(refusal(&world.search(query).await), (503, "index_is_moving", ""));
    }
}

#[tokio::test]
async fn a_search_warns_then_refuses_for_an_ending_model() {
    for (day, warning) in
        [("2028-04-13", None), ("2028-05-01", Some("which ends in 13 days: move them to"))]
    {
        let world = World::on(day).await;
        made_with_an_ending_model(&world).await;
        let (status, answer) = world.search(json!({ "query": "ships" })).await;
        assert_eq!(
            (status, answer["warning"].is_string()),
            (200, warning.is_some()),
            "{day}: {answer}"
        );
        assert!(
            answer["warning"].as_str().unwrap_or_default().contains(warning.unwrap_or_default()),
            "{answer}"
        );
    }
    let world = World::on("2028-05-14").await;
    made_with_an_ending_model(&world).await;
    let refused = world.search(json!({ "query": "ships" })).await;
    assert_eq!(refusal(&refused), (409, "embedding_model_ended", ""));
    assert!(refused.1["detail"].as_str().unwrap().ends_with("with `reembed`"), "{}", refused.1);
    assert!(world.gateway.calls.lock().unwrap().is_empty());
    assert_eq!(
        ids(&world.search(json!({ "query_embedding": embedding(&[1.0]) })).await),
        ["near", "far"]
    );
}
