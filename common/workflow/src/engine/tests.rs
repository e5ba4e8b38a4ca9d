//! Tests of the engine: any message may be lost, late or repeated, any commit may fail, any worker
//! may die.

mod calls;
mod ends;
mod gather;
mod planning;
mod queue;
mod rounds;
mod wakes;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    BusinessId, NanoUsd,
    budget::{Counter, GrantState, Period},
    catalog::Complexity,
    event::{Event, EventKind},
    task::Status,
    tier::Tier,
};
use ports::{
    EmbedRequest, EmbedResponse, ExecuteRequest, ExecuteResponse, GatewayError, GatewayRefusal,
    Key, KeyedCall, ModelProvider as _, ModelRequest, Subscription, SubscriptionStatus,
    documents::Body,
};
use simulation::{Faults, Simulated};
use testkit::{
    FixedClock, MemoryArtifacts, MemoryDocuments, RecordingBus, SequentialIds, StubRetriever,
};

use super::*;
use crate::documents::{StepDoc, TaskInput};
use ledger::{
    LedgerPorts, StoredSubscriptions,
    documents::{SpendDoc, grant_key, spend_key},
};

/// What every answer of the gateway costs.
const PRICE: NanoUsd = NanoUsd(10_000_000);

/// What the gateway does instead of answering as the simulation would.
#[derive(Clone, Debug)]
enum Scripted {
    Fail(GatewayError),
    Say(&'static str),
    /// As the simulation would.
    Simulate,
    /// Never answers: the worker dies or is cancelled meanwhile.
    Hang,
}

/// A gateway that follows a script, then lets the simulation answer, and records every key.
struct ScriptedGateway {
    model: Simulated,
    /// Whether every model is one that the tier capped.
    capped: AtomicBool,
    script: Mutex<VecDeque<Scripted>>,
    asked: Mutex<Vec<String>>,
    cancelled: Mutex<Vec<String>>,
}

impl ScriptedGateway {
    fn script(&self, scripted: impl IntoIterator<Item = Scripted>) {
        self.script.lock().unwrap().extend(scripted);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn refusal(code: &str) -> GatewayRefusal {
    GatewayRefusal { status: 402, code: code.into(), detail: format!("scripted `{code}`") }
}

#[async_trait]
impl Gateway for ScriptedGateway {
    async fn execute(
        &self,
        call: &KeyedCall,
        request: &ExecuteRequest,
    ) -> std::result::Result<ExecuteResponse, GatewayError> {
        self.asked.lock().unwrap().push(call.key.clone());
        let scripted = self.script.lock().unwrap().pop_front();
        let text = match scripted {
            Some(Scripted::Fail(error)) => return Err(error),
            Some(Scripted::Hang) => std::future::pending().await,
            Some(Scripted::Say(text)) => text.into(),
            Some(Scripted::Simulate) | None => {
                let messages = request.messages.clone();
                let request = ModelRequest {
                    schema: request.response_schema.clone(),
                    ..ModelRequest::new("gpt-5-mini", &request.task_type, messages, 100_000)
                };
                self.model.generate(&request).await.unwrap().text
            }
        };
        Ok(ExecuteResponse {
            call_id: call.key.clone(),
            response: text,
            parsed: None,
            model_used: "gpt-5-mini".into(),
            provider: "openai".into(),
            complexity: Complexity::Balanced,
            reason: "scripted".into(),
            cost_usd: PRICE,
            tool_calls: Vec::new(),
            citations: Vec::new(),
            service_tier: domain::catalog::ServiceTier::Standard,
            cached: false,
            tokens: ports::TokenCounts::default(),
            latency_ms: 1,
            attempts: Vec::new(),
            fallback_used: false,
            finish: "stop".into(),
            simulated: true,
            downgraded: self.capped.load(Ordering::Relaxed),
            budget: None,
        })
    }

    async fn embed(
        &self,
        _: &KeyedCall,
        _: &EmbedRequest,
    ) -> std::result::Result<EmbedResponse, GatewayError> {
        Err(GatewayError::Unavailable("an analysis embeds nothing".into()))
    }

    async fn cancel(
        &self,
        _: &BusinessId,
        call: &KeyedCall,
    ) -> std::result::Result<(), GatewayError> {
        self.cancelled.lock().unwrap().push(call.key.clone());
        Ok(())
    }
}

/// A submitted analysis of the business `acme` that no worker has claimed yet.
struct World {
    documents: Arc<MemoryDocuments>,
    clock: Arc<FixedClock>,
    bus: Arc<RecordingBus>,
    gateway: Arc<ScriptedGateway>,
    kept: Arc<StubRetriever>,
    engine: Engine,
    task: TaskId,
}

fn acme() -> BusinessId {
    BusinessId::new("acme").unwrap()
}

fn submission() -> Submission {
    let brief = include_str!("../../../marketing/src/artefact/testdata/brief.json");
    let input = TaskInput {
        brief: serde_json::from_str(brief).unwrap(),
        icp_count: 3,
        positioning_option: None,
        regenerate: None,
        regenerate_part: None,
    };
    Submission { input, max_cost: None, idempotency_key: Some("once".into()), derived_from: None }
}

impl World {
    async fn new() -> Self {
        let documents = Arc::new(MemoryDocuments::new());
        let clock = Arc::new(FixedClock::at("2026-11-29T12:00:00Z"));
        let bus = Arc::new(RecordingBus::new());
        let gateway = Arc::new(ScriptedGateway {
            model: Simulated::new("openai", Duration::ZERO, 7, Faults::default()),
            capped: AtomicBool::default(),
            script: Mutex::default(),
            asked: Mutex::default(),
            cancelled: Mutex::default(),
        });
        let kept = Arc::new(StubRetriever::default());
        let (artifacts, ids) =
            (Arc::new(MemoryArtifacts::new()), Arc::new(SequentialIds::default()));
        let subscriptions = Arc::new(StoredSubscriptions(documents.clone()));
        let ledger_ports = LedgerPorts {
            documents: documents.clone(),
            artifacts: artifacts.clone(),
            subscriptions,
            bus: bus.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let ledger = Ledger::new(ledger_ports, Arc::new(Rulebook::bundled().unwrap()));
        let ports = EnginePorts {
            documents: documents.clone(),
            artifacts,
            bus: bus.clone(),
            gateway: gateway.clone(),
            retriever: kept.clone(),
            clock: clock.clone(),
            ids,
        };
        let engine = Engine::new(ports, ledger);
        let subscription = Subscription { tier: Tier::Pro, status: SubscriptionStatus::Active };
        engine.ledger().set_subscription(&acme(), subscription).await.unwrap();
        let account = engine.ledger().admit(&acme()).await.unwrap();
        let task = engine.submit(&account, &submission()).await.unwrap().task;
        Self { documents, clock, bus, gateway, kept, engine, task }
    }

    /// The wake-ups published since the last call.
    fn wakes(&self) -> Vec<(Phase, Wake)> {
        let wake = |message: Message| {
            let phase = message.topic.strip_prefix("phase-")?.parse().unwrap();
            Some((phase, serde_json::from_str(&message.data).unwrap()))
        };
        self.bus.take().into_iter().filter_map(wake).collect()
    }

    /// Delivers wake-ups until none is left.
    async fn run(&self) {
        loop {
            let wakes = self.wakes();
            if wakes.is_empty() {
                return;
            }
            for (phase, wake) in wakes {
                self.engine.handle(phase, &wake).await;
            }
        }
    }

    /// Lets the worker of the first wake-up die after a while.
    async fn run_and_die(&self) {
        let (phase, wake) = self.wakes().remove(0);
        let died =
            tokio::time::timeout(Duration::from_secs(1), self.engine.handle(phase, &wake)).await;
        assert!(died.is_err(), "the worker was done before it could die");
    }

    /// Lets some time pass, then sweeps; returns how many tasks were woken.
    async fn sweep_after(&self, seconds: i64) -> usize {
        self.clock.advance_seconds(seconds);
        self.engine.sweep().await.unwrap()
    }

    async fn doc(&self) -> TaskDoc {
        self.engine.read_task(&self.task).await.unwrap().0
    }

    async fn status(&self) -> Status {
        self.doc().await.state.status()
    }

    fn stored<T: serde::de::DeserializeOwned>(&self, collection: &str) -> Vec<T> {
        let all = self.documents.all();
        all.iter()
            .filter(|document| document.key.collection == collection)
            .map(|it| it.read().unwrap())
            .collect()
    }

    fn snapshot(&self) -> BTreeMap<Key, Body> {
        self.documents.all().into_iter().map(|document| (document.key, document.body)).collect()
    }

    /// The task's events, which must be without gaps, of percentages that never fall, and end at
    /// most once.
    fn events(&self) -> Vec<Event> {
        let events: Vec<Event> = self.stored(&crate::documents::events_collection(&self.task));
        for (event, seq) in events.iter().zip(1..) {
            assert_eq!(event.seq, seq, "{event:?}");
        }
        let percents: Vec<_> =
            events.iter().filter_map(|event| event.data["percent_complete"].as_u64()).collect();
        assert!(percents.is_sorted(), "{percents:?}");
        let ends = events.iter().filter(|event| event.event.is_final());
        assert!(ends.count() <= 1, "{events:#?}");
        events
    }

    fn kinds(&self) -> Vec<EventKind> {
        self.events().into_iter().map(|event| event.event).collect()
    }

    /// The day's counter of the business.
    async fn day(&self) -> Counter {
        let day = Period::of(self.clock.now()).day;
        let found = self.documents.get(&[spend_key(&acme(), &day)]).await.unwrap().pop().flatten();
        found.unwrap().read::<SpendDoc>().unwrap().counter
    }

    async fn grant(&self) -> ledger::documents::GrantDoc {
        self.documents
            .get(&[grant_key(&self.task)])
            .await
            .unwrap()
            .pop()
            .flatten()
            .unwrap()
            .read()
            .unwrap()
    }

    /// Asserts that the task is over and that nothing of its money is held any more.
    async fn check_ended(&self, status: Status) {
        let doc = self.doc().await;
        assert_eq!(
            (doc.state.status(), doc.state.wake_at(), doc.state.lease()),
            (status, None, None)
        );
        assert!(doc.finished_at.is_some());
        assert_eq!(self.grant().await.grant.state, GrantState::Closed);
        assert_eq!(self.day().await.reserved, NanoUsd::ZERO);
        assert!(self.events().last().unwrap().event.is_final());
    }
}
