//! A brief becomes a finished, validated analysis within its budget.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use domain::NanoUsd;
use marketing::artefact::Kind;
use serde_json::{Value, json};
use simulation::{Faults, Simulated};
use testkit::{Fault, MemoryDocuments};

use crate::app::{TestApp, brief};

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

/// Asserts that sequence numbers have no gap, percent never falls, and the last event ends the
/// task.
fn assert_log_is_sound(events: &[Value]) {
    let stored: Vec<&Value> = events.iter().filter(|event| event["seq"].is_u64()).collect();
    for (index, event) in stored.iter().enumerate() {
        assert_eq!(event["seq"], index as u64 + 1, "{event}");
    }
    let percents: Vec<u64> =
        stored.iter().filter_map(|event| event["data"]["percent_complete"].as_u64()).collect();
    assert!(percents.is_sorted(), "{percents:?}");
}

async fn assert_money_is_settled(app: &TestApp, of: &str, task: &Value) {
    let budget = app.settled_budget(of).await;
    assert_eq!(budget["today_spent"], task["cost_usd"], "{budget} {task}");
}

#[tokio::test]
async fn every_brief_becomes_a_validated_analysis() {
    let app = TestApp::new().await;
    for (tier, name) in
        [("enterprise", "software.json"), ("pro", "software.json"), ("basic", "local_service.json")]
    {
        let task = app.submit(tier, &brief(name, tier)).await;
        let events = app.finish(tier, &task).await;
        assert_log_is_sound(&events);
        assert_eq!(names(&events).last(), Some(&"task_completed"));
        let state = app.get(&format!("/v1/tasks/{task}"), tier).await.ok();
        assert_eq!(
            (&state["status"], &state["percent_complete"]),
            (&json!("completed"), &json!(100))
        );
        assert_eq!(state["validation"]["errors"], 0, "{state}");
        assert_eq!(state["simulated"], true);
        for kind in Kind::ALL {
            let artefact = app.get(&format!("/v1/tasks/{task}/artifacts/{kind}"), tier).await.ok();
            assert_eq!(
                (&artefact["task_id"], &artefact["simulated"]),
                (&json!(task), &json!(true)),
                "{kind}"
            );
        }
        let weeks =
            app.get(&format!("/v1/tasks/{task}/artifacts/content_calendar"), tier).await.ok();
        assert_eq!(weeks["weeks"].as_array().unwrap().len(), 12);
        assert_money_is_settled(&app, tier, &state).await;
        // Basic and Pro never use the strongest model.
        let used_full =
            state["models_used"].as_array().unwrap().iter().any(|model| model == "gpt-5");
        assert_eq!(used_full, tier == "enterprise", "{state}");
        assert_eq!(names(&events).contains(&"model_downgraded"), tier != "enterprise");
    }
}

#[tokio::test]
async fn every_report_format_says_it_is_simulated() {
    let app = TestApp::new().await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    app.finish("pro", &task).await;
    for (format, kind, starts) in [
        ("md", "text/markdown", "#"),
        ("html", "text/html", "<!doctype html>"),
        ("csv", "text/csv", ""),
        ("ics", "text/calendar", "BEGIN:VCALENDAR"),
    ] {
        let report = app.get(&format!("/v1/tasks/{task}/report?format={format}"), "pro").await;
        assert!(report.headers["content-type"].to_str().unwrap().starts_with(kind));
        assert!(
            report.text.to_lowercase().starts_with(&starts.to_lowercase()),
            "{format}: {}",
            &report.text[..60]
        );
        assert!(report.text.to_lowercase().contains("simulated"), "{format}");
    }
    let whole = app.get(&format!("/v1/tasks/{task}/report?format=json"), "pro").await.ok();
    assert_eq!(whole["artifacts"].as_object().unwrap().len(), Kind::ALL.len());
    app.get(&format!("/v1/tasks/{task}/report?format=docx"), "pro")
        .await
        .problem(400, "invalid_field");
}

#[tokio::test]
async fn provider_faults_leave_every_cent_accounted_for() {
    let faults: Faults =
        "rate_limit=0.05,unavailable=0.1,timeout=0.05,invalid=0.1".parse().unwrap();
    let simulated = |name: &str| Arc::new(Simulated::new(name, Duration::ZERO, 3, faults));
    let app = TestApp::builder()
        .provider(simulated("openai"))
        .provider(simulated("gemini"))
        .start()
        .await;
    let task = app.submit("enterprise", &brief("software.json", "enterprise")).await;
    let events = app.finish("enterprise", &task).await;
    assert_log_is_sound(&events);
    let state = app.get(&format!("/v1/tasks/{task}"), "enterprise").await.ok();
    assert_eq!(state["status"], "completed", "{state}");
    // The trace explains every cent: the charges of the calls equal the spending of the budget.
    let trace = app.get(&format!("/v1/tasks/{task}/trace"), "enterprise").await.ok();
    let calls = trace["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "call");
    let nanos = |value: &Value| value.as_f64().unwrap().to_string().parse::<NanoUsd>().unwrap();
    let charged: NanoUsd = calls.map(|call| nanos(&call["cost_usd"])).sum();
    let budget = app.settled_budget("enterprise").await;
    assert_eq!(nanos(&budget["today_spent"]), charged);
}

#[tokio::test]
async fn a_faulty_store_does_not_change_the_result() {
    let documents = Arc::new(MemoryDocuments::new());
    let app = TestApp::builder().documents(documents.clone()).start().await;
    let mut count = 0u32;
    documents.fail_when(move |access| {
        let testkit::Access::Commit(_) = access else { return None };
        count += 1;
        match count % 23 {
            5 => Some(Fault::Conflict),
            11 => Some(Fault::UnavailableBefore),
            17 => Some(Fault::UnavailableAfter),
            _ => None,
        }
    });
    let submitted = app.post("/v1/tasks", "pro", &brief("software.json", "pro")).await.ok();
    let task = submitted["task_id"].as_str().unwrap();
    let events = app.finish("pro", task).await;
    documents.heal();
    assert_log_is_sound(&events);
    assert_eq!(names(&events).last(), Some(&"task_completed"));
    let state = app.get(&format!("/v1/tasks/{task}"), "pro").await.ok();
    // The grant may have been left to the sweep.
    app.call(Method::POST, "/sweep", &app.admin(), None, None).await.ok();
    assert_money_is_settled(&app, "pro", &state).await;
}

#[tokio::test]
async fn a_cancelled_task_returns_its_money() {
    let slow = Arc::new(Simulated::new("openai", Duration::from_secs(30), 0, Faults::default()));
    let app = TestApp::builder().provider(slow).start().await;
    let task = app.submit("pro", &brief("software.json", "pro")).await;
    // The first paid call has begun once its hold is in the ledger.
    while app.get(&format!("/v1/tasks/{task}/trace"), "pro").await.ok()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .all(|entry| entry["kind"] != "call")
    {
        tokio::task::yield_now().await;
    }
    let cancelled = app.delete(&format!("/v1/tasks/{task}"), "pro").await;
    assert_eq!(
        (cancelled.status.as_u16(), &cancelled.json()["status"]),
        (202, &json!("cancelled"))
    );
    let events = app.finish("pro", &task).await;
    assert_eq!(names(&events).last(), Some(&"task_cancelled"));
    // A second cancel changes nothing.
    assert_eq!(app.delete(&format!("/v1/tasks/{task}"), "pro").await.status, 202);
    // The call is ended too: what it may have generated is charged, and nothing stays reserved.
    let budget = app.settled_budget("pro").await;
    assert!(budget["today_spent"].as_f64().unwrap() > 0.0, "{budget}");
    let trace = app.get(&format!("/v1/tasks/{task}/trace"), "pro").await.ok();
    let call = trace["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["kind"] == "call")
        .unwrap()
        .clone();
    assert_eq!(call["detail"]["state"], "cut", "{call}");
}

#[tokio::test]
async fn another_positioning_reuses_the_research() {
    let app = TestApp::new().await;
    let task = app.submit("pro", &brief("software.json", "pro")).await;
    app.finish("pro", &task).await;
    let positioning = app.get(&format!("/v1/tasks/{task}/artifacts/positioning"), "pro").await.ok();
    let selected = &positioning["selected"];
    let other = positioning["options"]
        .as_array()
        .unwrap()
        .iter()
        .find(|option| option["id"] != *selected)
        .unwrap();
    let path = format!("/v1/tasks/{task}/positioning");
    let wish = json!({ "option_id": other["id"] });
    let derived = app.post(&path, "pro", &wish).await;
    assert_eq!(derived.status, 202, "{}", derived.text);
    let derived = derived.json()["task_id"].as_str().unwrap().to_owned();
    app.finish("pro", &derived).await;
    let state = app.get(&format!("/v1/tasks/{derived}"), "pro").await.ok();
    assert_eq!((&state["status"], &state["derived_from"]), (&json!("completed"), &json!(task)));
    let chosen = app.get(&format!("/v1/tasks/{derived}/artifacts/positioning"), "pro").await.ok();
    assert_eq!(chosen["selected"], other["id"]);
    let trace = app.get(&format!("/v1/tasks/{derived}/trace"), "pro").await.ok();
    let paid: Vec<&str> = trace["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "call")
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert!(
        !paid.contains(&"positioning_strategy") && !paid.contains(&"evidence_summarization"),
        "{paid:?}"
    );
    assert!(paid.contains(&"icp_generation"), "{paid:?}");
    // The first task is unchanged.
    assert_eq!(
        app.get(&format!("/v1/tasks/{task}/artifacts/positioning"), "pro").await.ok()["selected"],
        *selected
    );
    app.post(&path, "pro", &json!({ "option_id": "opt_none" })).await.problem(404, "not_found");
}

#[tokio::test]
async fn an_artefact_can_be_regenerated() {
    let app = TestApp::new().await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    app.finish("pro", &task).await;
    let path = format!("/v1/tasks/{task}/regenerate");
    let answer = app
        .post(&path, "pro", &json!({ "artifact": "amec", "part": "measure word of mouth" }))
        .await
        .ok();
    let derived = answer["task_id"].as_str().unwrap();
    app.finish("pro", derived).await;
    let trace = app.get(&format!("/v1/tasks/{derived}/trace"), "pro").await.ok();
    let paid: Vec<&Value> = trace["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "call")
        .collect();
    assert!(paid.iter().all(|call| call["name"] == "amec_roi_analysis"), "{paid:#?}");
    app.post(&path, "pro", &json!({ "artifact": "clv" })).await.problem(400, "invalid_field");
    app.post(&path, "pro", &json!({ "artifact": "poem" })).await.problem(400, "invalid_field");
}

#[tokio::test]
async fn the_same_key_and_brief_start_one_task() {
    let app = TestApp::new().await;
    let brief = brief("local_service.json", "pro");
    let token = app.token("pro");
    let submit = |brief: Value| {
        app.call(Method::POST, "/v1/tasks", &token, Some("k1"), Some(Box::leak(Box::new(brief))))
    };
    let (first, second) = (submit(brief.clone()).await.ok(), submit(brief.clone()).await.ok());
    assert_eq!(first["task_id"], second["task_id"]);
    let mut changed = brief.clone();
    changed["name"] = "Another name".into();
    submit(changed).await.problem(409, "idempotency_key_reused");
    // Another business's key is a different key.
    let mut foreign = brief;
    foreign["business_id"] = "other".into();
    let other = app
        .call(Method::POST, "/v1/tasks", &app.token("other"), Some("k1"), Some(&foreign))
        .await
        .ok();
    assert_ne!(other["task_id"], first["task_id"]);
    app.finish("pro", first["task_id"].as_str().unwrap()).await;
}
