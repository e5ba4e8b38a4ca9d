//! Tests of what the budget admits, refuses, counts and reports.

use std::sync::Arc;

use axum::http::Method;
use domain::catalog::Complexity;
use ports::{Billing, NextMove};
use serde_json::{Value, json};
use testkit::{FixedClock, ScriptedProvider, answer, failure};

use crate::app::{Answer, TestApp, brief, execute_request};

async fn report(app: &TestApp, of: &str, key: Option<&str>, cost: f64) -> Answer {
    let body = json!({ "business_id": of, "task_type": "sentence_summary", "model_used": "elsewhere-1",
        "tokens": { "input": 10, "output": 5 }, "cost_usd": cost });
    app.call(Method::POST, "/v1/usage", &app.token(of), key, Some(&body)).await
}

#[tokio::test]
async fn reported_usage_counts_once_towards_the_limit() {
    let clock = Arc::new(FixedClock::at("2026-11-22T10:00:00Z"));
    let app = TestApp::builder().clock(clock.clone()).start().await;
    assert_eq!(report(&app, "basic", Some("u1"), 9.5).await.ok()["booked"], true);
    assert_eq!(report(&app, "basic", Some("u1"), 9.5).await.ok()["booked"], false);
    report(&app, "basic", Some("u1"), 9.6).await.problem(409, "idempotency_key_reused");
    let budget = app.budget("basic").await;
    assert_eq!(
        (&budget["today_spent"], &budget["warning_level"], &budget["percent_used"]),
        (&json!(9.5), &json!("critical"), &json!(95.0))
    );
    let refused = app
        .post("/v1/tasks", "basic", &brief("software.json", "basic"))
        .await
        .problem(402, "daily_budget_exceeded");
    assert_eq!(
        (&refused["tier"], &refused["limit"], &refused["spent"], &refused["remaining"]),
        (&json!("basic"), &json!(10.0), &json!(9.5), &json!(0.5))
    );
    assert_eq!(refused["resets_at"], "2026-11-23T00:00:00.000Z");
    // A small call still fits.
    let execute = app.post("/v1/execute", "basic", &execute_request("basic", "A line.")).await.ok();
    assert!(execute["cost_usd"].as_f64().unwrap() < 0.01);
    // On the next day the day's budget is fresh, the month's is not.
    clock.advance_seconds(24 * 3600);
    let budget = app.budget("basic").await;
    assert_eq!((&budget["today_spent"], &budget["today_remaining"]), (&json!(0.0), &json!(10.0)));
    assert!(budget["month_spent"].as_f64().unwrap() > 9.5);
}

#[tokio::test]
async fn unpriced_usage_is_never_booked_as_free() {
    let app = TestApp::new().await;
    let body = |model: &str| {
        json!({ "business_id": "pro", "task_type": "other", "model_used": model,
        "tokens": { "input": 1_000_000, "output": 0 } })
    };
    assert_eq!(app.post("/v1/usage", "pro", &body("gpt-5")).await.ok()["cost_usd"], 1.25);
    assert_eq!(
        app.post("/v1/usage", "pro", &body("mystery")).await.problem(400, "invalid_field")["field"],
        "cost_usd"
    );
    let mut negative = body("gpt-5");
    negative["cost_usd"] = json!(-1);
    assert_eq!(
        app.post("/v1/usage", "pro", &negative).await.problem(400, "invalid_field")["field"],
        "cost_usd"
    );
}

#[tokio::test]
async fn a_check_answers_like_admission_without_reserving() {
    let app = TestApp::new().await;
    let request =
        json!({ "business_id": "basic", "task_type": "icp_generation", "input_length": 20_000 });
    let checked = app.post("/v1/budget/check", "basic", &request).await.ok();
    assert_eq!(
        (&checked["can_proceed"], &checked["estimate"]["model"]),
        (&json!(true), &json!("gpt-5-mini"))
    );
    let complex = json!({ "business_id": "basic", "task_type": "positioning_strategy", "complexity": Complexity::Complex });
    app.post("/v1/budget/check", "basic", &complex).await.problem(402, "model_tier_restricted");
    let capped = json!({ "business_id": "basic", "task_type": "positioning_strategy", "allow_downgrade": true });
    assert_eq!(
        app.post("/v1/budget/check", "basic", &capped).await.ok()["model_cap"],
        "gpt-5-mini"
    );
    report(&app, "basic", None, 10.0).await.ok();
    let refused =
        app.post("/v1/budget/check", "basic", &request).await.problem(402, "daily_budget_exceeded");
    assert_eq!(refused["remaining"], 0.0);
    assert_eq!(app.budget("basic").await["today_reserved"], 0.0);
}

#[tokio::test]
async fn a_hundred_concurrent_calls_never_exceed_the_limit() {
    let provider =
        ScriptedProvider::new("openai").otherwise(|request| Ok(answer(&request.model, "done")));
    let provider = Arc::new(provider);
    let app = TestApp::builder().only(provider.clone()).start().await;
    // 0.02 USD are left; each call holds about 0.004 and costs 0.000025.
    report(&app, "basic", None, 9.98).await.ok();
    let calls = (0..100).map(|n| {
        let mut body = execute_request("basic", &format!("Call {n}"));
        body["max_output_tokens"] = 10_000.into();
        let app = &app;
        async move { app.post("/v1/execute", "basic", &body).await }
    });
    let answers = futures::future::join_all(calls).await;
    let served = answers.iter().filter(|answer| answer.status.is_success()).count();
    for refused in answers.iter().filter(|answer| !answer.status.is_success()) {
        refused.problem(402, "daily_budget_exceeded");
    }
    assert_eq!(served, provider.asked().len());
    let budget = app.budget("basic").await;
    assert!(budget["today_spent"].as_f64().unwrap() <= 10.0, "{budget}");
    assert_eq!(budget["today_reserved"], 0.0);
    // Released holds refuse nobody.
    app.post("/v1/execute", "basic", &execute_request("basic", "One more.")).await.ok();
}

#[tokio::test]
async fn unknown_billing_is_charged_at_the_bound() {
    let lost = || failure("connection_lost", NextMove::NextModel, Billing::Unknown);
    let provider = Arc::new(ScriptedProvider::new("openai").then_fail(lost()));
    let app = TestApp::builder().only(provider).start().await;
    let problem = app
        .post("/v1/execute", "pro", &execute_request("pro", "x"))
        .await
        .problem(502, "all_models_failed");
    let charged = problem["attempts"][0]["cost_usd"].as_f64().unwrap();
    assert!(charged > 0.0);
    let budget = app.budget("pro").await;
    assert_eq!(
        (budget["today_spent"].as_f64().unwrap(), &budget["today_reserved"]),
        (charged, &json!(0.0))
    );
}

#[tokio::test]
async fn warnings_are_given_once_per_threshold() {
    let app = TestApp::new().await;
    for cost in [7.0, 0.6, 0.1, 1.4, 0.1] {
        report(&app, "basic", None, cost).await.ok();
    }
    report(&app, "basic", None, 1.0).await.ok();
    app.post("/v1/execute", "basic", &execute_request("basic", "x"))
        .await
        .problem(402, "daily_budget_exceeded");
    assert_eq!(app.budget("basic").await["warning_level"], "exhausted");
    let notices = app.documents.query(&ports::Query::collection("notices")).await.unwrap();
    let levels: Vec<Value> = notices.iter().map(|notice| notice.body["level"].clone()).collect();
    assert_eq!(levels, [json!("critical"), json!("exhausted"), json!("warning")]);
}

#[tokio::test]
async fn a_running_task_warns_of_a_low_budget() {
    let app = TestApp::new().await;
    report(&app, "basic", None, 7.6).await.ok();
    let task = app.submit("basic", &brief("local_service.json", "basic")).await;
    let events = app.finish("basic", &task).await;
    let warnings: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "budget_warning").collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(warnings[0]["data"]["level"], "warning");
}

#[tokio::test]
async fn the_emergency_stop_refuses_and_cancels_work() {
    let app = TestApp::new().await;
    let task = app.submit("pro", &brief("software.json", "pro")).await;
    let stop = |stopped: bool| json!({ "stopped": stopped, "reason": "a drill" });
    let put = async |path: &str, stopped: bool| {
        app.call(Method::PUT, path, &app.admin(), None, Some(&stop(stopped))).await.ok()
    };
    put("/v1/emergency-stop/pro", true).await;
    let events = app.finish("pro", &task).await;
    assert!(
        events
            .iter()
            .any(|event| event["event"] == "task_cancelled" || event["event"] == "task_completed")
    );
    let refused = app
        .post("/v1/execute", "pro", &execute_request("pro", "x"))
        .await
        .problem(503, "emergency_shutdown");
    assert!(refused["detail"].as_str().unwrap().contains("a drill"));
    app.post("/v1/execute", "other", &execute_request("other", "x")).await.ok();
    put("/v1/emergency-stop/pro", false).await;
    app.post("/v1/execute", "pro", &execute_request("pro", "x")).await.ok();
    put("/v1/emergency-stop", true).await;
    app.post("/v1/execute", "other", &execute_request("other", "x"))
        .await
        .problem(503, "emergency_shutdown");
}

#[tokio::test]
async fn usage_is_reported_by_day_type_and_model() {
    let app = TestApp::new().await;
    for text in ["One.", "Two."] {
        app.post("/v1/execute", "pro", &execute_request("pro", text)).await.ok();
    }
    report(&app, "pro", None, 0.25).await.ok();
    let usage = app.get("/v1/usage/pro?group_by=model", "pro").await.ok();
    let keys: Vec<&str> = usage["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["elsewhere-1", "gpt-5-nano"]);
    assert_eq!(
        (&usage["total"]["calls"], &usage["total"]["fallback_rate"]),
        (&json!(3), &json!(0.0))
    );
    assert_eq!(usage["total"]["cost_usd"], app.budget("pro").await["today_spent"]);

    let table = app.get("/v1/usage/pro?group_by=task&format=csv", "pro").await;
    let rows: Vec<&str> = table.text.lines().collect();
    assert!(rows[0].starts_with("key,calls,cost_usd,") && rows.len() == 3, "{rows:?}");
    assert!(
        rows[1].starts_with("direct,3,0.25") && rows[2].starts_with("total,3,0.25"),
        "{rows:?}"
    );
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
}

#[tokio::test]
async fn a_task_parked_at_the_limit_resumes_after_reset() {
    let clock = Arc::new(FixedClock::at("2026-11-22T10:00:00Z"));
    let app = TestApp::builder().clock(clock.clone()).start().await;
    let mut small = brief("software.json", "basic");
    // Enough to be accepted, not enough to finish.
    small["max_cost_usd"] = json!(0.11);
    let task = app.submit("basic", &small).await;
    let events = app.finish("basic", &task).await;
    assert_eq!(events.last().unwrap()["event"], "task_parked", "{:?}", events.last());
    let state = app.get(&format!("/v1/tasks/{task}"), "basic").await.ok();
    assert_eq!(state["status"], "parked", "{state}");
    let spent = state["cost_usd"].as_f64().unwrap();
    assert!(spent > 0.0 && spent <= 0.11, "{state}");
    app.settled_budget("basic").await;
}
