//! The gateway under test: its sockets, its store, and the provider behind it.

use std::{any::Any, sync::Arc, time::Duration};

use domain::{
    NanoUsd, Time,
    budget::{Counter, Period},
    catalog::Catalog,
    rulebook::Rulebook,
};
use futures::StreamExt as _;
use ledger::documents::{SpendDoc, spend_key};
use ports::{Clock, Documents, ModelProvider, Query, Secret, Write};
use providers::{Api, Gemini, OpenAi};
use serde_json::Value;
use service::EnvSecrets;
use testkit::RunningClock;
use tokio::net::TcpListener;

use crate::{
    app::{TestApp, business},
    upstream::{Behaviour, Upstream},
};

pub(crate) const BUSINESS: &str = "basic";
/// The longest wait, for any machine under load.
const PATIENCE: Duration = Duration::from_mins(2);

/// The bundled catalogue without lifecycles, so that these tests do not depend on the day, and with
/// a fallback that is six times as expensive as the first choice.
pub(crate) fn catalogue() -> String {
    let bundled = include_str!("../../../common/domain/data/models.toml");
    let lasting = bundled.lines().filter(|line| !line.starts_with("lifecycle"));
    let text = lasting.collect::<Vec<_>>().join("\n");
    text.replace(
        r#"fallbacks = ["gemini-2.5-flash-lite"]"#,
        r#"fallbacks = ["gemini-3.5-flash-lite"]"#,
    )
}

pub(crate) fn catalog() -> Catalog {
    Catalog::parse(&catalogue()).unwrap()
}

fn rules() -> Rulebook {
    Rulebook::new(catalog(), Rulebook::LEAD_DAYS).unwrap()
}

/// A gateway of one or more instances.
pub(crate) struct World {
    instances: Vec<String>,
    token: String,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) upstream: Upstream,
    period: Period,
    client: reqwest::Client,
    _kept: Box<dyn Any + Send + Sync>,
}

impl World {
    pub(crate) fn new(
        instances: Vec<String>,
        token: String,
        documents: Arc<dyn Documents>,
        upstream: Upstream,
        now: Time,
        kept: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let (period, client) = (Period::of(now), reqwest::Client::new());
        Self { instances, token, documents, upstream, period, client, _kept: kept }
    }

    /// Sends the nth request to the instance whose turn it is.
    pub(super) async fn send(&self, n: u64, request: &Value) -> reqwest::Response {
        let instance = &self.instances[usize::try_from(n).unwrap() % self.instances.len()];
        let sent = self
            .client
            .post(format!("{instance}/v1/execute"))
            .bearer_auth(&self.token)
            .json(request)
            .send();
        tokio::time::timeout(PATIENCE, sent).await.unwrap().unwrap()
    }

    /// Sets the business's limit for the day and the month.
    pub(super) async fn set_limit(&self, limit: NanoUsd) {
        let business = business(BUSINESS);
        let write = |name: &str| {
            Write::create(spend_key(&business, name), &SpendDoc::new(&business, name, limit))
        };
        let writes = [&self.period.day, &self.period.month].map(|name| write(name).unwrap());
        self.documents.commit(writes.into()).await.unwrap();
    }

    /// The month's counter once nothing is held. The month's, because a day may end during a test.
    pub(super) async fn settled(&self) -> Counter {
        let key = spend_key(&business(BUSINESS), &self.period.month);
        let mut changes = self.documents.watch(Query::document(&key));
        let settled = async {
            loop {
                let batch = changes.next().await.unwrap().unwrap();
                let mut counters =
                    batch.iter().map(|document| document.read::<SpendDoc>().unwrap().counter);
                if let Some(counter) =
                    counters.next_back().filter(|counter| counter.reserved == NanoUsd::ZERO)
                {
                    return counter;
                }
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("a hold was never released")
    }
}

/// Every function in one process over a fresh SQLite file, behind a socket.
pub(super) async fn on_sqlite(behaviour: Behaviour) -> World {
    let upstream = Upstream::serve(catalog(), behaviour).await;
    let secrets: Arc<EnvSecrets> =
        Arc::new([("openai_api_key", Secret::new("sk-x"))].into_iter().collect());
    let openai = OpenAi::new(&format!("{}/v1", upstream.url), Api::Responses, secrets.clone());
    let gemini = Gemini::developer(&format!("{}/v1beta", upstream.url), secrets);
    let clock = Arc::new(RunningClock::from("2026-11-22T09:00:00Z"));
    let (openai, gemini): (Arc<dyn ModelProvider>, Arc<dyn ModelProvider>) =
        (Arc::new(openai), Arc::new(gemini));
    let app = TestApp::builder()
        .only(openai)
        .provider(gemini)
        .rules(rules())
        .clock(clock.clone())
        .start()
        .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let instance = format!("http://{}", listener.local_addr().unwrap());
    let router = app.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    World::new(
        vec![instance],
        app.token(BUSINESS),
        app.documents.clone(),
        upstream,
        clock.now(),
        Box::new(app),
    )
}
