//! Builds the real system over a fresh SQLite file in one line.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use domain::{BusinessId, rulebook::Rulebook, tier::Tier};
use embedded::{FileArtifacts, Store, VectorScan};
use http_body_util::BodyExt as _;
use ledger::documents::{SubscriptionDoc, subscription_key};
use local::{Parts, assemble};
use ports::{Clock, Documents, ModelProvider, Secret, Subscription, SubscriptionStatus, Write};
use serde_json::{Value, json};
use service::{Auth, CallerRole, Signer, UuidIds};
use simulation::{Faults, Simulated};
use tempfile::TempDir;
use testkit::RunningClock;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Parts that a test may replace before the system starts.
pub(crate) struct Builder {
    providers: BTreeMap<String, Arc<dyn ModelProvider>>,
    documents: Option<Arc<dyn Documents>>,
    clock: Arc<dyn Clock>,
    rules: Rulebook,
}

/// The running system.
pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) auth: Arc<Auth>,
    pub(crate) signer: Signer,
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) dir: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Asserts a problem's status and code, and returns it.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        problem
    }

    /// Asserts success, and returns the body.
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text);
        self.json()
    }
}

pub(crate) fn business(id: &str) -> BusinessId {
    BusinessId::new(id).unwrap()
}

/// One of the briefs that ship with the project, for a business.
pub(crate) fn brief(name: &str, business: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("briefs").join(name);
    let mut brief: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    brief["business_id"] = business.into();
    brief
}

impl Builder {
    pub(crate) fn provider(mut self, provider: Arc<dyn ModelProvider>) -> Self {
        self.providers.insert(provider.name().into(), provider);
        self
    }

    pub(crate) fn only(mut self, provider: Arc<dyn ModelProvider>) -> Self {
        self.providers.clear();
        self.provider(provider)
    }

    pub(crate) fn documents(mut self, documents: Arc<dyn Documents>) -> Self {
        self.documents = Some(documents);
        self
    }

    pub(crate) fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn rules(mut self, rules: Rulebook) -> Self {
        self.rules = rules;
        self
    }

    /// Builds and starts the system. Businesses: `basic`, `pro` and `enterprise` with these tiers,
    /// `other` (pro), `suspended`.
    pub(crate) async fn start(self) -> TestApp {
        self.start_in(tempfile::tempdir().unwrap()).await
    }

    /// The same over a directory that may hold a file already.
    pub(crate) async fn start_in(self, dir: TempDir) -> TestApp {
        let store = Store::open(dir.path()).unwrap();
        let vectors = Arc::new(VectorScan::new(&store));
        let documents = self.documents.unwrap_or_else(|| Arc::new(store));
        for (name, tier, status) in [
            ("basic", Tier::Basic, SubscriptionStatus::Active),
            ("pro", Tier::Pro, SubscriptionStatus::Active),
            ("enterprise", Tier::Enterprise, SubscriptionStatus::Active),
            ("other", Tier::Pro, SubscriptionStatus::Trial),
            ("suspended", Tier::Pro, SubscriptionStatus::Suspended),
        ] {
            let Subscription { tier, status } = Subscription { tier, status };
            let write =
                Write::create(subscription_key(&business(name)), &SubscriptionDoc { tier, status })
                    .unwrap();
            documents.commit(vec![write]).await.unwrap();
        }
        let shutdown = CancellationToken::new();
        let parts = Parts {
            documents: documents.clone(),
            artifacts: Arc::new(FileArtifacts::open(dir.path().join("artifacts")).unwrap()),
            vectors,
            embedder: Arc::new(Simulated::new("openai", Duration::ZERO, 0, Faults::default())),
            token_counter: Arc::new(providers::O200k),
            providers: self.providers,
            clock: self.clock,
            ids: Arc::new(UuidIds),
            rules: Arc::new(self.rules),
            jwt_secret: Secret::new("a secret of at least thirty-two bytes"),
            audience: "raptorflow".into(),
            port: 8080,
            origins: Vec::new(),
            shutdown: shutdown.clone(),
            expiring: None,
            lock: None,
        };
        let local = assemble(parts);
        let (auth, signer) = (local.auth.clone(), local.signer.clone());
        TestApp { router: local.start().await.unwrap(), auth, signer, documents, shutdown, dir }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl TestApp {
    /// A builder with the simulation without latency behind both providers.
    pub(crate) fn builder() -> Builder {
        let simulated =
            |name: &str| Arc::new(Simulated::new(name, Duration::ZERO, 7, Faults::default()));
        let builder = Builder {
            providers: BTreeMap::new(),
            documents: None,
            clock: Arc::new(RunningClock::from("2026-11-22T09:00:00Z")),
            rules: Rulebook::bundled().unwrap(),
        };
        builder.provider(simulated("openai")).provider(simulated("gemini"))
    }

    pub(crate) async fn new() -> Self {
        Self::builder().start().await
    }

    pub(crate) fn token(&self, of: &str) -> String {
        self.signer.sign("tester", Some(&business(of)), CallerRole::Member, 600)
    }

    pub(crate) fn admin(&self) -> String {
        self.signer.sign("admin", None, CallerRole::Admin, 600)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    /// Sends a request with a token and an optional JSON body; `key` is the Idempotency-Key.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.header("content-type", "application/json").body(body).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, of: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, &self.token(of), None, Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str, of: &str) -> Answer {
        self.call(Method::GET, path, &self.token(of), None, None).await
    }

    pub(crate) async fn delete(&self, path: &str, of: &str) -> Answer {
        self.call(Method::DELETE, path, &self.token(of), None, None).await
    }

    /// Submits a brief and returns the task's id.
    pub(crate) async fn submit(&self, of: &str, brief: &Value) -> String {
        let answer = self.post("/v1/tasks", of, brief).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        answer.json()["task_id"].as_str().unwrap().into()
    }

    /// Follows a task's events to its end and returns them all; `parked` counts as an end.
    pub(crate) async fn finish(&self, of: &str, task: &str) -> Vec<Value> {
        let request = Request::get(format!("/sse/task/{task}"))
            .header("authorization", format!("Bearer {}", self.token(of)));
        let response =
            self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let (mut text, mut events) = (String::new(), Vec::new());
        let followed = async {
            while let Some(frame) = body.frame().await {
                text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
                while let Some((message, rest)) = text.split_once("\n\n") {
                    let data: String =
                        message.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                    let parked = data.contains("\"event\":\"task_parked\"");
                    if let Ok(event) = serde_json::from_str::<Value>(&data) {
                        events.push(event);
                    }
                    text = rest.into();
                    if parked {
                        return;
                    }
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_mins(1), followed).await;
        assert!(
            ended.is_ok(),
            "the task did not end; last events: {:#?}",
            events.iter().rev().take(3).collect::<Vec<_>>()
        );
        events
    }

    /// Books spending that was made outside.
    pub(crate) async fn spend(&self, of: &str, usd: &str) {
        let usage = json!({ "business_id": of, "task_type": "sentence_summary", "model_used": "gpt-5",
            "tokens": { "input": 1, "output": 1 }, "cost_usd": usd.parse::<f64>().unwrap() });
        self.post("/v1/usage", of, &usage).await.ok();
    }

    pub(crate) async fn budget(&self, of: &str) -> Value {
        self.get(&format!("/v1/budgets/{of}"), of).await.ok()
    }

    /// The budget once nothing is held: a task's money goes back shortly after its end is reported.
    pub(crate) async fn settled_budget(&self, of: &str) -> Value {
        let settled = async {
            loop {
                let budget = self.budget(of).await;
                if budget["today_reserved"] == 0.0 {
                    return budget;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), settled)
            .await
            .expect("a hold was never released")
    }
}

/// A small request to `/v1/execute`.
pub(crate) fn execute_request(of: &str, text: &str) -> Value {
    json!({ "business_id": of, "task_type": "sentence_summary", "messages": [{ "role": "user", "content": text }] })
}
