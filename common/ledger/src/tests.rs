//! Tests of the ledger, over a store that fails on request and a clock that the test moves.

mod calls;
mod grants;
mod grouping;
mod interleaving;
mod limits;
mod lost_answers;
mod mirror;

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    BusinessId, CallId, NanoUsd, TaskId,
    budget::{CallState, Counter, Period},
    rulebook::Rulebook,
    task::Status,
    tier::Tier,
};
use ports::{
    Clock as _, Documents as _, Key, Precondition, StoreError, Subscription, SubscriptionStatus,
    Write, documents::Body,
};
use testkit::{
    FixedClock, MemoryArtifacts, MemoryDocuments, RecordingBus, SequentialIds, SkewedClock,
};

use super::*;
use crate::{
    documents::{
        AttemptDoc, CallDoc, GrantDoc, GrantOwner, NoticeDoc, SpendDoc, call_key, grant_key,
        spend_key, task_key,
    },
    error::Error,
};

const NOON: &str = "2026-11-22T12:00:00Z";

/// One business, `acme`, on a tier of its own choice; Basic allows $10 a day.
struct World {
    documents: Arc<MemoryDocuments>,
    clock: Arc<FixedClock>,
    bus: Arc<RecordingBus>,
    ports: LedgerPorts,
    ledger: Ledger,
}

fn acme() -> BusinessId {
    BusinessId::new("acme").unwrap()
}

fn task(id: &str) -> TaskId {
    TaskId::new(id).unwrap()
}

fn cents(cents: i64) -> NanoUsd {
    NanoUsd(cents * 10_000_000)
}

impl World {
    async fn new() -> Self {
        Self::at(NOON).await
    }

    async fn at(time: &str) -> Self {
        let documents = Arc::new(MemoryDocuments::new());
        let clock = Arc::new(FixedClock::at(time));
        let bus = Arc::new(RecordingBus::new());
        let ports = LedgerPorts {
            documents: documents.clone(),
            artifacts: Arc::new(MemoryArtifacts::new()),
            subscriptions: Arc::new(StoredSubscriptions(documents.clone())),
            bus: bus.clone(),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
        };
        let ledger = Ledger::new(ports.clone(), Arc::new(Rulebook::bundled().unwrap()));
        let world = Self { documents, clock, bus, ports, ledger };
        world.subscribe(&acme(), Tier::Basic).await;
        world
    }

    async fn subscribe(&self, business: &BusinessId, tier: Tier) {
        let subscription = Subscription { tier, status: SubscriptionStatus::Active };
        self.ledger.set_subscription(business, subscription).await.unwrap();
    }

    /// The ledger of another process over the same store.
    fn elsewhere(&self) -> Ledger {
        Ledger::new(self.ports.clone(), self.ledger.rules().clone())
    }

    /// The same, on a machine whose clock is ahead.
    fn elsewhere_at(&self, ahead_ms: i64) -> Ledger {
        let clock = Arc::new(SkewedClock::new(self.clock.clone(), ahead_ms));
        Ledger::new(LedgerPorts { clock, ..self.ports.clone() }, self.ledger.rules().clone())
    }

    async fn account(&self) -> Account {
        self.ledger.admit(&acme()).await.unwrap()
    }

    /// A call of the given key and bound; with a task, its grant pays.
    fn asked(&self, key: &str, task: Option<&TaskId>, hold: NanoUsd) -> OpenCall {
        let origin = task.map_or("client", TaskId::as_str);
        OpenCall {
            id: CallId::derive(&acme(), origin, key, 0),
            task: task.cloned(),
            task_type: "sentence_summary".into(),
            request_hash: "the prompt".into(),
            hold,
            call_until: self.clock.now().plus_seconds(240),
            is_new: false,
            look_first: true,
            is_last_offer: true,
        }
    }

    async fn open(&self, call: &OpenCall) -> OpenedCall {
        match self.ledger.open_call(&self.account().await, call).await.unwrap() {
            Opened::New(opened) => *opened,
            other @ (Opened::Stored(_) | Opened::Running | Opened::Adrift(_)) => {
                panic!("not opened: {other:?}")
            }
        }
    }

    async fn settle(&self, call: &OpenedCall, settlement: &Settlement) -> bool {
        self.ledger.settle(&self.account().await, call, settlement).await.unwrap()
    }

    /// Opens a task and its grant, as a submission does.
    async fn grant(&self, task: &TaskId, amount: NanoUsd, max_cost: Option<NanoUsd>) {
        let money = TaskMoney { estimate: amount, most: max_cost };
        let documents = vec![task_write(task)];
        assert!(
            self.ledger.open_grant(&self.account().await, task, &money, documents).await.unwrap()
        );
    }

    /// Sets a task's grant to closing, as its final commit does.
    async fn close(&self, task: &TaskId) {
        self.try_close(task).await.unwrap();
    }

    async fn try_close(&self, task: &TaskId) -> std::result::Result<(), StoreError> {
        let now = self.clock.now().to_string();
        let closing = Write::merge(grant_key(task), Precondition::Exists)
            .set("state", "closing")
            .set("sweep_at", now);
        self.documents.commit(vec![closing]).await.map(|_| ())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, key: Key) -> T {
        self.documents.get_one(&key).await.unwrap().unwrap().read().unwrap()
    }

    async fn call(&self, call: &OpenCall) -> CallDoc {
        self.read(call_key(&call.id)).await
    }

    async fn counter(&self, period: &str) -> Counter {
        self.read::<SpendDoc>(spend_key(&acme(), period)).await.counter
    }

    /// Spent and reserved of some periods.
    async fn booked<const N: usize>(&self, periods: [&str; N]) -> Vec<(NanoUsd, NanoUsd)> {
        let mut booked = Vec::with_capacity(N);
        for period in periods {
            let counter = self.counter(period).await;
            booked.push((counter.spent, counter.reserved));
        }
        booked
    }

    /// Spent and reserved of the current day and month, which are the same in most tests.
    async fn money(&self) -> (NanoUsd, NanoUsd) {
        let period = Period::of(self.clock.now());
        let (day, month) = (self.counter(&period.day).await, self.counter(&period.month).await);
        assert_eq!((day.spent, day.reserved), (month.spent, month.reserved));
        (day.spent, day.reserved)
    }

    fn stored<T: serde::de::DeserializeOwned>(&self, collection: &str) -> Vec<T> {
        let all = self.documents.all();
        all.iter()
            .filter(|document| document.key.collection == collection)
            .map(|it| it.read().unwrap())
            .collect()
    }

    /// Every document without its version.
    fn snapshot(&self) -> BTreeMap<Key, Body> {
        self.documents.all().into_iter().map(|document| (document.key, document.body)).collect()
    }

    /// Refuses to go on once a period has admitted more than its limit.
    fn check_limits(&self) {
        for SpendDoc { period, counter, .. } in self.stored::<SpendDoc>("spend") {
            assert!(counter.spent + counter.reserved <= counter.limit, "{period}: {counter:?}");
            assert!(
                counter.reserved >= NanoUsd::ZERO && counter.spent >= NanoUsd::ZERO,
                "{period}: {counter:?}"
            );
        }
    }
}

/// A task that waits for its first phase: the sweep keeps the grants of such.
fn task_write(task: &TaskId) -> Write {
    Write::create(task_key(task), &GrantOwner { status: Status::Queued }).unwrap()
}

fn attempt(cost: NanoUsd) -> AttemptDoc {
    AttemptDoc {
        model: "m".into(),
        outcome: "ok".into(),
        usage: None,
        cost,
        unknown: false,
        latency_ms: 5,
    }
}

fn settled(state: CallState, cost: NanoUsd, answer: Option<&str>) -> Settlement {
    Settlement {
        state,
        attempts: vec![attempt(cost)],
        answer: answer.map(Into::into),
        model_used: answer.map(|_| "m".into()),
        provider_response_id: None,
        fallback_used: false,
        latency_ms: 5,
    }
}

fn done(cost: NanoUsd) -> Settlement {
    settled(CallState::Done, cost, Some("the answer"))
}
