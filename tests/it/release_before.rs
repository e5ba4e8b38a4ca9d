//! What the release before stored is read: a file that commit eb361d2 wrote, with one analysis
//! finished and one cut off in its strategy phase.

use std::{collections::BTreeMap, fs::File, io, sync::Arc};

use axum::http::Method;
use domain::TaskId;
use embedded::Store;
use flate2::read::GzDecoder;
use ports::{Documents as _, Query};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::RunningClock;
use workflow::documents::{StepDoc, StepState, steps_collection};

use crate::app::{TestApp, execute_request};

/// A moment after the process that wrote the file was killed.
const AFTERWARDS: &str = "2026-11-30T23:12:00Z";
const FINISHED: &str = "01a22eb8b8e57119b199e866746b28db";
const CUT_OFF: &str = "01a22eb956f8707382c48cfa84de75dd";
/// What the day had cost by then, in USD.
const SPENT: f64 = 0.0;

/// A directory with the file of the release before.
fn directory() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let stored = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/release-eb361d2.db.gz");
    let mut file = File::create(dir.path().join("raptorflow.db")).unwrap();
    io::copy(&mut GzDecoder::new(File::open(stored).unwrap()), &mut file).unwrap();
    dir
}

async fn app() -> TestApp {
    TestApp::builder().clock(Arc::new(RunningClock::from(AFTERWARDS))).start_in(directory()).await
}

#[tokio::test]
async fn a_finished_analysis_is_read_whole() {
    let app = app().await;
    let task = app.get(&format!("/v1/tasks/{FINISHED}"), "demo").await.ok();
    assert_eq!((&task["status"], &task["percent_complete"]), (&json!("completed"), &json!(100)));
    let kinds: Vec<&String> = task["artifacts"].as_object().unwrap().keys().collect();
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    for kind in kinds {
        let artefact = app.get(&format!("/v1/tasks/{FINISHED}/artifacts/{kind}"), "demo").await;
        assert_eq!(artefact.ok()["task_id"], FINISHED, "{kind}");
    }
    for format in ["md", "html", "json", "csv", "ics"] {
        let report = app.get(&format!("/v1/tasks/{FINISHED}/report?format={format}"), "demo").await;
        assert!(report.status.is_success() && report.text.len() > 500, "{format}: {report:?}");
    }
    let trace = app.get(&format!("/v1/tasks/{FINISHED}/trace"), "demo").await.ok();
    assert!(trace.to_string().contains("sostac_plan"), "{trace}");
    let events = app.finish("demo", FINISHED).await;
    assert_eq!(events.last().unwrap()["event"], "task_completed");
}

/// The steps of the analysis that was cut off, by name and position, each with its ids and states.
async fn steps(store: &Store) -> BTreeMap<(String, String), Vec<(String, StepState)>> {
    let query = Query::collection(steps_collection(&TaskId::new(CUT_OFF).unwrap())).limit(400);
    let mut steps: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for document in store.query(&query).await.unwrap() {
        let step: StepDoc = document.read().unwrap();
        steps.entry((step.step, step.index)).or_default().push((document.key.id, step.state));
    }
    steps
}

#[tokio::test]
async fn an_analysis_cut_off_goes_on_without_paying_twice() {
    let dir = directory();
    let before = steps(&Store::open(dir.path()).unwrap()).await;
    assert!(before.len() > 5, "{before:?}");
    let app =
        TestApp::builder().clock(Arc::new(RunningClock::from(AFTERWARDS))).start_in(dir).await;
    let events = app.finish("demo", CUT_OFF).await;
    assert_eq!(events.last().unwrap()["event"], "task_completed");
    let after = steps(&Store::open(app.dir.path()).unwrap()).await;
    for (step, stored) in before {
        // The id holds the request's hash: another id would be another request, paid again.
        let ids = |steps: &[(String, StepState)]| -> Vec<String> {
            steps.iter().map(|(id, _)| id.clone()).collect()
        };
        assert_eq!(ids(&after[&step]), ids(&stored), "{step:?}");
        assert!(after[&step].iter().all(|(_, state)| *state == StepState::Done), "{step:?}");
    }
    assert_eq!(app.settled_budget("demo").await["today_reserved"], 0.0);
}

#[tokio::test]
async fn money_keys_vectors_and_switches_are_as_they_were() {
    let app = app().await;
    let admin = app.admin();
    let request = json!({ "business_id": "demo", "task_type": "other",
        "messages": [{ "role": "user", "content": "A headline for a harbour planner" }] });
    let answer =
        app.call(Method::POST, "/v1/execute", &admin, Some("fixture-1"), Some(&request)).await.ok();
    assert_eq!(
        answer["call_id"],
        "e7c9117f22960da679c8dc3d9fda0eab7c995f9ea91396398f7c25b7306bb7ac"
    );
    assert_eq!(answer["latency_ms"], 2, "the stored answer, not a new one");

    let stopped = app.post("/v1/execute", "stopped", &execute_request("stopped", "Hi.")).await;
    assert!(stopped.status.is_client_error() || stopped.status.is_server_error());
    let acme = app.get("/v1/subscriptions/acme", "acme").await.ok();
    assert_eq!((&acme["tier"], &acme["status"]), (&json!("basic"), &json!("active")));

    let search = json!({ "business_id": "demo", "query": "berths by telephone", "top_k": 2 });
    let found = app.post("/v1/vectors/search", "demo", &search).await.ok();
    let found: Vec<&Value> =
        found["results"].as_array().unwrap().iter().map(|found| &found["text"]).collect();
    assert!(found[0].as_str().unwrap().contains("two hours of every day"), "{found:?}");
    let listed = app.get("/v1/documents?business_id=demo", "demo").await.ok();
    assert_eq!(listed["documents"][0]["title"], "Interviews");

    let usage = app.get("/v1/usage/demo?from=2026-11-30&to=2026-11-30", "demo").await.ok();
    assert!(usage.to_string().contains("cost_usd"), "{usage}");
    assert!(app.budget("demo").await["today_spent"].as_f64().unwrap() > SPENT);
}
