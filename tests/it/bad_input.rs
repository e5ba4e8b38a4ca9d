//! Invalid input gets an error that names the field and the remedy.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::app::{TestApp, brief, execute_request};

async fn raw(app: &TestApp, path: &str, body: impl Into<Body>) -> crate::app::Answer {
    let token = app.token("pro");
    app.send(
        Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .body(body.into())
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn invalid_bodies_are_refused() {
    let app = TestApp::new().await;
    for path in ["/v1/execute", "/v1/estimate", "/v1/tasks", "/v1/budget/check", "/v1/usage"] {
        raw(&app, path, "{\"business_id\": ").await.problem(400, "malformed_json");
        raw(&app, path, " ".repeat(1024 * 1024 + 1)).await.problem(413, "body_too_large");
        let problem = raw(&app, path, "{}").await;
        assert!(problem.problem(400, "invalid_field")["field"].is_string(), "{path}");
        assert_eq!(problem.headers["content-type"], "application/problem+json");
    }
    let unknown = |mut body: Value| {
        body["colour"] = "red".into();
        body
    };
    let requests = [
        ("/v1/execute", execute_request("pro", "hi")),
        ("/v1/estimate", json!({ "business_id": "pro", "task_type": "icp_generation" })),
        ("/v1/tasks", brief("software.json", "pro")),
        ("/v1/budget/check", json!({ "business_id": "pro", "task_type": "icp_generation" })),
    ];
    for (path, body) in requests {
        assert_eq!(
            app.post(path, "pro", &unknown(body)).await.problem(400, "unknown_field")["field"],
            "colour",
            "{path}"
        );
    }
    let nested = json!({ "business_id": "pro", "task_type": "other", "messages": [{ "role": "user", "content": "a", "x": 1 }] });
    app.post("/v1/execute", "pro", &nested).await.problem(400, "unknown_field");
}

#[tokio::test]
async fn values_out_of_range_are_refused() {
    let app = TestApp::new().await;
    let check = async |path: &str, body: Value, status: u16, code: &str, field: &str| {
        let problem = app.post(path, "pro", &body).await.problem(status, code);
        assert_eq!(problem["field"], field, "{problem}");
    };
    let estimate = |extra: (&str, Value)| {
        let mut body = json!({ "business_id": "pro", "task_type": "icp_generation" });
        body[extra.0] = extra.1;
        body
    };
    check(
        "/v1/estimate",
        estimate(("task_type", json!("poetry"))),
        400,
        "unknown_task_type",
        "task_type",
    )
    .await;
    check(
        "/v1/estimate",
        estimate(("input_length", json!(-5))),
        400,
        "invalid_field",
        "input_length",
    )
    .await;
    check(
        "/v1/estimate",
        estimate(("input_length", json!(1e18))),
        400,
        "invalid_field",
        "input_length",
    )
    .await;
    check(
        "/v1/estimate",
        estimate(("input_length", json!(99_999_999_999_u64))),
        400,
        "invalid_field",
        "input_length",
    )
    .await;
    check(
        "/v1/estimate",
        estimate(("complexity", json!("hard"))),
        400,
        "invalid_field",
        "complexity",
    )
    .await;
    check(
        "/v1/estimate",
        estimate(("business_id", json!("../x"))),
        400,
        "invalid_field",
        "business_id",
    )
    .await;
    let execute = |extra: (&str, Value)| {
        let mut body = execute_request("pro", "hi");
        body[extra.0] = extra.1;
        body
    };
    check("/v1/execute", execute(("messages", json!([]))), 400, "invalid_field", "messages").await;
    check(
        "/v1/execute",
        execute(("max_output_tokens", json!(0))),
        400,
        "invalid_field",
        "max_output_tokens",
    )
    .await;
    check("/v1/execute", execute(("deadline_ms", json!(5))), 400, "invalid_field", "deadline_ms")
        .await;
    check("/v1/execute", execute(("model", json!("gpt-99"))), 400, "unknown_model", "model").await;
    let schema = json!({ "name": "x y", "schema": { "type": "object" } });
    check(
        "/v1/execute",
        execute(("response_schema", schema)),
        400,
        "invalid_field",
        "response_schema.name",
    )
    .await;
    let mut brief = brief("software.json", "pro");
    brief["icp_count"] = 1.into();
    check("/v1/tasks", brief.clone(), 400, "invalid_field", "icp_count").await;
    brief["icp_count"] = 3.into();
    brief["goals"] = "grow".into();
    check("/v1/tasks", brief, 400, "invalid_field", "goals").await;
}

#[tokio::test]
async fn a_thin_brief_gets_questions_at_no_cost() {
    let app = TestApp::new().await;
    let problem = app
        .post("/v1/tasks", "pro", &brief("thin.json", "pro"))
        .await
        .problem(422, "brief_too_thin");
    let questions = problem["questions"].as_array().unwrap();
    assert!((1..=5).contains(&questions.len()), "{problem}");
    assert!(questions.iter().all(|question| question["field"].is_string()), "{problem}");
    assert_eq!(app.budget("pro").await["today_reserved"], 0.0);
    assert_eq!(app.get("/v1/tasks", "pro").await.ok()["tasks"], json!([]));
}

#[tokio::test]
async fn work_above_the_tier_is_refused() {
    let app = TestApp::new().await;
    let mut wish = brief("software.json", "basic");
    wish["icp_count"] = 4.into();
    app.post("/v1/tasks", "basic", &wish).await.problem(402, "feature_limit_exceeded");
    let mut cheap = brief("software.json", "pro");
    cheap["max_cost_usd"] = json!(0.001);
    app.post("/v1/tasks", "pro", &cheap).await.problem(402, "task_budget_exceeded");
    let complex = json!({ "business_id": "pro", "task_type": "positioning_strategy", "messages": [{ "role": "user", "content": "x" }] });
    let problem =
        app.post("/v1/execute", "pro", &complex).await.problem(402, "model_tier_restricted");
    assert_eq!(
        (&problem["suggested_model"], &problem["allowed"]),
        (&json!("gpt-5-mini"), &json!("balanced"))
    );
    app.post("/v1/tasks", "suspended", &brief("software.json", "suspended"))
        .await
        .problem(402, "subscription_inactive");
    app.post("/v1/execute", "nobody", &execute_request("nobody", "x"))
        .await
        .problem(404, "subscription_not_found");
    let tasks = [app.submit("basic", &brief("software.json", "basic")).await];
    assert_eq!(tasks.len(), 1);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_refused() {
    let app = TestApp::new().await;
    app.get("/v1/nothing", "pro").await.problem(404, "no_such_route");
    app.call(Method::PATCH, "/v1/tasks", &app.token("pro"), None, None)
        .await
        .problem(405, "method_not_allowed");
    app.get("/v1/tasks/unknown", "pro").await.problem(404, "not_found");
    app.get("/v1/tasks?limit=0", "pro").await.problem(400, "invalid_field");
    app.get("/v1/tasks?page_token=zzz", "pro").await.problem(400, "invalid_field");
    app.get("/v1/usage/pro?from=yesterday", "pro").await.problem(400, "invalid_field");
    app.get("/v1/usage/pro?group_by=colour", "pro").await.problem(400, "invalid_field");
    let long_key = "k".repeat(256);
    let request = execute_request("pro", "x");
    let answer = app
        .call(Method::POST, "/v1/execute", &app.token("pro"), Some(&long_key), Some(&request))
        .await;
    assert_eq!(answer.problem(400, "invalid_field")["field"], "Idempotency-Key");
}
