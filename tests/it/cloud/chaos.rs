//! Analyses under failures: processes are killed, the store stops for a while, one in ten requests
//! to the provider fails. All analyses end, every paid answer is booked, and viewers miss nothing.
//!
//! `make chaos` runs fifty; a test run takes fewer. A killed worker's lease and a killed gateway's
//! call expire after a minute of silence, so the faults end early enough for what they left to be
//! resumed.

mod balancer;
mod books;
mod http;
mod provider;
mod storm;
mod viewer;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use domain::task::Status;
use ports::{Documents, Query};
use reqwest::Method;
use tokio::{task::JoinSet, time::sleep};
use workflow::documents::TaskDoc;

use super::{
    Deployment,
    deployment::audience,
    google::{account, id_token},
};
use balancer::Balancer;
use provider::Provider;
use viewer::SeenEvents;

/// Analyses that a business of the largest tier may run at once.
const RUNNING: usize = 20;
/// Interval of the scheduler in this test; in production it is a minute.
const SCHEDULED: Duration = Duration::from_secs(2);
/// The functions that are not killed.
const STEADY: [&str; 4] = ["tasks", "budget-check", "sweeper", "ws-relay"];
const PHASES: [&str; 4] = ["phase-research", "phase-strategy", "phase-campaign", "phase-analytics"];

/// The size of the test, from `CHAOS_ANALYSES` and `CHAOS_SECONDS`.
struct Size {
    analyses: usize,
    /// The time limit of the whole test, in seconds.
    seconds: u64,
}

impl Size {
    fn asked_for() -> Self {
        #[expect(clippy::disallowed_methods, reason = "`make chaos` says how much")]
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let analyses = number("CHAOS_ANALYSES").map_or(4, |count| usize::try_from(count).unwrap());
        Self { analyses, seconds: number("CHAOS_SECONDS").unwrap_or(180) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_no_paid_answer_and_stop_no_analysis() {
    let (size, begun) = (Size::asked_for(), Instant::now());
    let deadline = Duration::from_secs(size.seconds);
    let (provider, upstream) = Provider::serve().await;
    let (deployment, victims) = deploy(&upstream).await;
    let documents = deployment.documents();
    let tasks = submit(&deployment, size.analyses).await;

    let mut viewers = JoinSet::new();
    for (task, business) in &tasks {
        let url = format!("{}/ws/task/{task}", deployment.urls["ws-relay"].replace("http", "ws"));
        let (task, followed) = (task.clone(), viewer::follow(url, deployment.token(business)));
        viewers.spawn(async move { (task, followed.await) });
    }
    let mut killed = 0;
    let stormy = async {
        let still = async {
            sleep(deadline / 10).await;
            storm::stand_still().await;
        };
        tokio::join!(
            still,
            tokio::time::timeout(deadline / 3, storm::kills(&deployment, &victims, &mut killed))
        )
    };
    let ended = async { tokio::join!(stormy, viewers.join_all()).1 };
    let scheduled = schedule(&deployment);
    let watched = tokio::select! {
        watched = ended => watched,
        () = scheduled => unreachable!("the scheduler never ends"),
        () = sleep(deadline.saturating_sub(begun.elapsed())) => panic!("not over in time: {:#?}", unfinished(documents.as_ref()).await),
    };
    let took = begun.elapsed();
    assert_all_is_told(documents.as_ref(), &watched).await;
    let books = tokio::select! {
        books = books::closed(&provider, documents.as_ref()) => books,
        () = schedule(&deployment) => unreachable!("the scheduler never ends"),
    };
    report(&provider, &watched, killed, took, &books);
    assert!(killed > 0 && books.lost > 0, "nothing was lost: this proved nothing");
}

/// Starts the functions that an analysis needs, with two gateways; returns the names of those that
/// will be killed.
async fn deploy(upstream: &str) -> (Deployment, Vec<String>) {
    let balancer = Balancer::default();
    let (gateway, openai, gemini) =
        (balancer.listen().await, format!("{upstream}/v1"), format!("{upstream}/v1beta"));
    let mut extra = vec![
        ("route-execute", "OPENAI_BASE_URL", openai.as_str()),
        ("route-execute", "OPENAI_API", "responses"),
        ("route-execute", "GEMINI_BASE_URL", gemini.as_str()),
    ];
    extra.extend(PHASES.map(|phase| (phase, "ROUTE_EXECUTE_URL", gateway.as_str())));
    let deployment = Deployment::prepare(&extra).await;
    for name in STEADY.iter().chain(&PHASES).chain(&["route-execute"]) {
        deployment.spawn(name);
    }
    let (second, url) = deployment.another("route-execute", &[]).await;
    for name in STEADY.iter().chain(&PHASES).chain(&["route-execute"]) {
        deployment.until_healthy(name).await;
    }
    balancer.stand_before(&[deployment.urls["route-execute"].clone(), url]);
    let victims =
        PHASES.iter().chain(&["route-execute"]).map(|name| (*name).to_owned()).chain([second]);
    (deployment, victims.collect())
}

/// Starts the analyses, for as many businesses as needed.
async fn submit(deployment: &Deployment, analyses: usize) -> BTreeMap<String, String> {
    let mut tasks = BTreeMap::new();
    for n in 0..analyses {
        let business = format!("business-{}", n / RUNNING);
        if n % RUNNING == 0 {
            deployment.subscribe(&business, "enterprise").await;
        }
        tasks.insert(deployment.submit(&business).await, business);
    }
    tasks
}

/// Sweeps in a loop and ignores the answers.
async fn schedule(deployment: &Deployment) {
    loop {
        let token = id_token(&account("scheduler"), &audience("sweeper"), 60);
        deployment.call(Method::POST, "sweeper", "/sweep", &token, None).await;
        sleep(SCHEDULED).await;
    }
}

/// The state of each task that is not completed.
async fn unfinished(documents: &dyn Documents) -> Vec<String> {
    let found = documents.query(&Query::collection("tasks").limit(100)).await.unwrap();
    let docs = found
        .iter()
        .map(|document| (document.key.id.clone(), document.read::<TaskDoc>().unwrap().state));
    docs.filter(|(_, state)| !state.status().is_final())
        .map(|(id, state)| format!("{id} {state:?}"))
        .collect()
}

/// Every task is completed or has a reason to wait, and its viewer received all of its events.
async fn assert_all_is_told(documents: &dyn Documents, watched: &[(String, SeenEvents)]) {
    for (task, seen) in watched {
        let key = ledger::documents::task_key(&domain::TaskId::new(task.as_str()).unwrap());
        let doc: TaskDoc =
            documents.get(&[key]).await.unwrap()[0].as_ref().unwrap().read().unwrap();
        let is_parked = doc.state.status() == Status::Parked && doc.state.reason().is_some();
        assert!(doc.state.status() == Status::Completed || is_parked, "{task}: {:?}", doc.state);
        assert_eq!(seen.last, doc.last_seq, "{task}");
    }
}

#[expect(clippy::print_stdout, reason = "figures for runs with --no-capture")]
fn report(
    provider: &Provider,
    watched: &[(String, SeenEvents)],
    killed: u32,
    took: Duration,
    books: &books::Books,
) {
    let (requests, mishaps) = provider.counts();
    let connections: u64 = watched.iter().map(|(_, seen)| seen.connections).sum();
    let events: u64 = watched.iter().map(|(_, seen)| seen.last).sum();
    println!("{} analyses ended in {took:.0?}; {killed} processes killed", watched.len());
    println!(
        "provider: {requests} requests, {mishaps} of them went wrong; {} answers paid",
        provider.paid().len()
    );
    println!("{books}");
    println!(
        "viewers: {events} events over {connections} connections, none missed, none seen twice"
    );
}
