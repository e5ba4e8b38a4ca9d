//! Benchmarks how many calls per second the ledger reserves and settles: for one busy business and
//! for a hundred, on SQLite and on the Firestore emulator (`FIRESTORE_EMULATOR_HOST`), with one
//! instance and with four.
//!
//! `cargo bench --package it --bench ledger --profile process`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark: a failure ends it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{BusinessId, CallId, NanoUsd, budget::CallState, rulebook::Rulebook, tier::Tier};
use embedded::{FileArtifacts, Store};
use gcp::{Firestore, FirestoreTarget};
use ledger::{
    Ledger, LedgerPorts, OpenCall, Opened, Settlement, StoredSubscriptions, documents::AttemptDoc,
};
use ports::{Clock as _, Documents, Ids as _, Key, Subscription, SubscriptionStatus, Write};
use service::{Env, UuidIds, WallClock};
use testkit::RecordingBus;

/// Seconds that each figure is measured.
const SECONDS: u64 = 5;
/// The hold and cost of each call: even the fastest run stays far below the limit.
const COST: NanoUsd = NanoUsd(1_000);

#[tokio::main]
async fn main() {
    let runs = [
        ("one hot business, alone", 1, 1),
        ("one hot business", 1, 50),
        ("a hundred businesses", 100, 100),
    ];
    for (name, businesses, callers) in runs {
        // In the source directory, because `/tmp` is often in memory, where an fsync costs nothing.
        let dir = tempfile::TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let store = Arc::new(Store::open(dir.path()).unwrap());
        measure(&format!("SQLite, {name}"), &[ledger(store, dir.path())], businesses, callers)
            .await;
    }
    let env = Env::of_process();
    let Some(emulator) = env.optional("FIRESTORE_EMULATOR_HOST") else {
        println!("Firestore: not measured, FIRESTORE_EMULATOR_HOST is not set");
        return;
    };
    println!("Firestore, one document alone      {:>6}/s", uncontended(&firestore(emulator)).await);
    for (name, instances, businesses, callers) in [
        ("one hot business, one instance", 1, 1, 500),
        ("one hot business, four instances", 4, 1, 500),
        ("a hundred businesses, one instance", 1, 100, 100),
        ("a hundred businesses, four instances", 4, 100, 100),
    ] {
        let project = UuidIds.next();
        let dir = tempfile::tempdir().unwrap();
        let ledgers: Vec<Ledger> = (0..instances)
            .map(|_| ledger(Arc::new(firestore_of(emulator, &project)), dir.path()))
            .collect();
        measure(&format!("Firestore, {name}"), &ledgers, businesses, callers).await;
    }
}

fn firestore(emulator: &str) -> Firestore {
    firestore_of(emulator, &UuidIds.next())
}

fn firestore_of(emulator: &str, project: &str) -> Firestore {
    let target = FirestoreTarget {
        project: format!("bench-{project}"),
        database: "(default)".into(),
        emulator: Some(emulator.into()),
    };
    Firestore::new(target, None).unwrap()
}

fn ledger(documents: Arc<dyn Documents>, dir: &std::path::Path) -> Ledger {
    let ports = LedgerPorts {
        documents: documents.clone(),
        artifacts: Arc::new(FileArtifacts::open(dir.join("artifacts")).unwrap()),
        subscriptions: Arc::new(StoredSubscriptions(documents)),
        bus: Arc::new(RecordingBus::new()),
        clock: Arc::new(WallClock),
        ids: Arc::new(UuidIds),
    };
    Ledger::new(ports, Arc::new(Rulebook::bundled().unwrap()))
}

/// Sequential conditional commits of one document per second.
async fn uncontended(store: &Firestore) -> u64 {
    let key = Key::new("spend", "one");
    let create = Write::create(key.clone(), &serde_json::json!({ "spent": 0 })).unwrap();
    let mut version = store.commit(vec![create]).await.unwrap()[0];
    let (ends, mut commits) = (Instant::now() + Duration::from_secs(SECONDS), 0);
    while Instant::now() < ends {
        let next =
            Write::replace(key.clone(), version, &serde_json::json!({ "spent": commits })).unwrap();
        version = store.commit(vec![next]).await.unwrap()[0];
        commits += 1;
    }
    commits / SECONDS
}

/// Keeps callers busy with reserve and settle, and prints the rate and latency of the pair.
async fn measure(name: &str, ledgers: &[Ledger], businesses: usize, callers: usize) {
    let names: Vec<BusinessId> =
        (0..businesses).map(|it| BusinessId::new(format!("b{it}")).unwrap()).collect();
    for business in &names {
        let subscription =
            Subscription { tier: Tier::Enterprise, status: SubscriptionStatus::Active };
        ledgers[0].set_subscription(business, subscription).await.unwrap();
    }
    let failed = Arc::new(AtomicU64::new(0));
    let ends = Instant::now() + Duration::from_secs(SECONDS);
    let callers: Vec<_> = (0..callers)
        .map(|caller| {
            let (ledger, failed) = (ledgers[caller % ledgers.len()].clone(), failed.clone());
            let business = names[caller % names.len()].clone();
            tokio::spawn(async move {
                let account = ledger.admit(&business).await.unwrap();
                let mut latencies = Vec::new();
                while Instant::now() < ends {
                    let begun = Instant::now();
                    if pay(&ledger, &account).await.is_ok() {
                        latencies.push(begun.elapsed());
                    } else {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.extend(caller.await.unwrap());
    }
    latencies.sort_unstable();
    let at = |percent: usize| {
        latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default()
    };
    println!(
        "{name:45} {:>6}/s  p50 {:>9.2?}  p99 {:>9.2?}  {} given up",
        latencies.len() as u64 / SECONDS,
        at(50),
        at(99),
        failed.load(Ordering::Relaxed)
    );
}

async fn pay(ledger: &Ledger, account: &ledger::Account) -> ledger::Result<()> {
    let open = OpenCall {
        id: CallId::new(UuidIds.next()).unwrap(),
        task: None,
        task_type: "sentence_summary".into(),
        request_hash: "the prompt".into(),
        hold: COST,
        call_until: WallClock.now().plus_seconds(60),
        is_new: true,
        look_first: false,
        is_last_offer: true,
    };
    let Opened::New(call) = ledger.open_call(account, &open).await? else { return Ok(()) };
    let attempt = AttemptDoc {
        model: "gpt-5-nano".into(),
        outcome: "ok".into(),
        usage: None,
        cost: COST,
        unknown: false,
        latency_ms: 1,
    };
    let settlement = Settlement {
        state: CallState::Done,
        attempts: vec![attempt],
        answer: Some("an answer of the usual kind".repeat(20)),
        model_used: Some("gpt-5-nano".into()),
        provider_response_id: None,
        fallback_used: false,
        latency_ms: 1,
    };
    ledger.settle(account, &call, &settlement).await.map(|_| ())
}
