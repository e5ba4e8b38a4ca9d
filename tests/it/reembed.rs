//! A business moves to another embedding model in the whole system: the command, the routes, the
//! ledger, the index.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use client::{Transport, WireAnswer, WireRequest};
use embedded::RouterTransport;
use import_vectors::{ImportError, Moved, Reembed, Target, reembed};
use ports::GatewayError;
use serde_json::{Value, json};
use service::CallerRole;

use crate::app::{TestApp, business};

const LARGE: &str = "text-embedding-3-large";
const COUNT: usize = 400;

/// Forwards requests, and is unreachable after some of them.
struct Flaky {
    routes: Arc<RouterTransport>,
    patience: AtomicUsize,
}

#[async_trait]
impl Transport for Flaky {
    async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError> {
        let is_over = self
            .patience
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_err();
        if is_over {
            return Ok(WireAnswer {
                status: 403,
                cost: None,
                body: json!({ "code": "gone" }).to_string().into(),
            });
        }
        self.routes.post(request).await
    }
}

/// Moves `pro` with at most this many requests.
async fn moved(
    app: &TestApp,
    order: &Reembed,
    patience: usize,
) -> (Result<Moved, ImportError>, Vec<String>) {
    let signer = app.signer.clone();
    let routes =
        RouterTransport::new(move || signer.sign("reembed", None, CallerRole::Service, 60));
    routes.connect(app.router.clone());
    let routes = Arc::new(Flaky { routes: Arc::new(routes), patience: patience.into() });
    let mut lines = Vec::new();
    let target = Target { upsert: routes.clone(), search: routes };
    let moved = reembed(order, &target, &mut |line| lines.push(line.to_owned())).await;
    (moved, lines)
}

fn order() -> Reembed {
    Reembed {
        business: business("pro"),
        embedding_model: LARGE.into(),
        dry_run: false,
        delete_without_text: false,
    }
}

async fn stocked() -> TestApp {
    let app = TestApp::new().await;
    let item = |index: usize| json!({ "id": format!("v{index}"), "text": format!("Harbour number {index}") });
    let items: Vec<Value> = (0..COUNT).map(item).collect();
    app.post("/v1/vectors/upsert", "pro", &json!({ "business_id": "pro", "items": items }))
        .await
        .ok();
    app
}

/// The nearest vectors to a text that is stored word for word.
async fn nearest(app: &TestApp, text: &str) -> (u16, Value) {
    let search = json!({ "business_id": "pro", "query": text, "top_k": 1 });
    let answer = app.post("/v1/vectors/search", "pro", &search).await;
    (answer.status.as_u16(), answer.json())
}

async fn spent(app: &TestApp) -> f64 {
    app.get("/v1/budgets/pro", "pro").await.ok()["today_spent"].as_f64().unwrap()
}

#[tokio::test]
async fn an_interrupted_reembedding_resumes_and_pays_once() {
    let whole = stocked().await;
    let before = spent(&whole).await;
    let (outcome, lines) = moved(&whole, &order(), usize::MAX).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.vectors, outcome.to_move, outcome.moved), (COUNT, COUNT, COUNT));
    let price = spent(&whole).await - before;
    assert!((outcome.cost_usd - price).abs() < 1e-9 && price > 0.0, "{outcome} {price}");
    assert!(lines.iter().any(|line| line.starts_with("preparing ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("switching ")), "{lines:?}");
    let requests = lines.len() + 2;

    for patience in 1..requests {
        let app = stocked().await;
        let before = spent(&app).await;
        moved(&app, &order(), patience).await.0.unwrap_err();
        // In between a search is correct or refused, never wrong.
        let (status, found) = nearest(&app, "Harbour number 77").await;
        match status {
            200 => assert_eq!(found["results"][0]["id"], "v77", "{found}"),
            _ => assert_eq!((status, &found["code"]), (503, &json!("index_is_moving")), "{found}"),
        }
        let (outcome, _) = moved(&app, &order(), usize::MAX).await;
        outcome.unwrap();
        let (status, found) = nearest(&app, "Harbour number 77").await;
        assert_eq!((status, &found["results"][0]["id"]), (200, &json!("v77")), "{found}");
        let paid = spent(&app).await - before;
        // The two searches were embedded with two models.
        assert!((paid - price).abs() < 1e-6, "after {patience} requests {paid} instead of {price}");
    }
}

#[tokio::test]
async fn a_dry_run_prices_the_move_and_finds_obstacles() {
    let app = stocked().await;
    let mut embedding = vec![0.0; domain::vector::DIMENSIONS];
    embedding[0] = 1.0;
    let items = json!([{ "id": "given", "embedding": embedding }]);
    app.post("/v1/vectors/upsert", "pro", &json!({ "business_id": "pro", "items": items }))
        .await
        .ok();
    let before = spent(&app).await;
    let (dry, _) = moved(&app, &Reembed { dry_run: true, ..order() }, usize::MAX).await;
    let dry = dry.unwrap();
    assert_eq!((dry.vectors, dry.to_move, dry.without_text, dry.moved), (COUNT + 1, COUNT, 1, 0));
    assert!(dry.expected_usd > 0.0 && (spent(&app).await - before).abs() < 1e-12, "{dry}");
    let refused = moved(&app, &order(), usize::MAX).await.0.unwrap_err().to_string();
    assert!(
        refused.contains("1 vectors have no text") && refused.contains("--delete-without-text"),
        "{refused}"
    );
    let (outcome, _) =
        moved(&app, &Reembed { delete_without_text: true, ..order() }, usize::MAX).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.moved, outcome.deleted), (COUNT, 1));
    assert_eq!(moved(&app, &order(), usize::MAX).await.0.unwrap().to_move, 0);
}
