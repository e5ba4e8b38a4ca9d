//! Tests of paid calls: routing, retries, repair, storage, and that nothing is paid twice.

use std::sync::Arc;

use axum::http::Method;
use ports::{Billing, Finish, NextMove};
use serde_json::{Value, json};
use testkit::{ScriptedProvider, answer, failure};

use crate::app::{TestApp, execute_request};

fn scripted() -> ScriptedProvider {
    ScriptedProvider::new("openai")
}

async fn keyed(app: &TestApp, key: &str, body: &Value) -> crate::app::Answer {
    app.call(Method::POST, "/v1/execute", &app.token("pro"), Some(key), Some(body)).await
}

#[tokio::test]
async fn an_answer_carries_cost_and_routing_reason() {
    let provider = Arc::new(scripted().then(answer("gpt-5-nano-2025-08-07", "Short.")));
    let app = TestApp::builder().only(provider.clone()).start().await;
    let body = app.post("/v1/execute", "pro", &execute_request("pro", "Summarise.")).await.ok();
    // 100 input tokens at $0.05 and 50 output tokens at $0.40 per million.
    assert_eq!((&body["response"], &body["cost_usd"]), (&json!("Short."), &json!(0.000_025)));
    assert_eq!(
        (&body["complexity"], &body["finish"], &body["fallback_used"]),
        (&json!("simple"), &json!("stop"), &json!(false))
    );
    assert_eq!(body["budget"]["today_spent_usd"], 0.000_025);
    assert!(body["reason"].as_str().unwrap().contains("nano"));
    let asked = &provider.asked()[0];
    assert_eq!((asked.model.as_str(), asked.max_output_tokens), ("gpt-5-nano", 500));
}

#[tokio::test]
async fn an_idempotency_key_is_paid_once() {
    let provider = Arc::new(scripted().then(answer("gpt-5-nano", "Once.")));
    let app = TestApp::builder().only(provider.clone()).start().await;
    let body = execute_request("pro", "Say once.");
    let (first, second) = (keyed(&app, "k", &body).await.ok(), keyed(&app, "k", &body).await.ok());
    assert_eq!((&first["response"], &first["call_id"]), (&second["response"], &second["call_id"]));
    assert_eq!(provider.asked().len(), 1);
    // Routing and deadline are not part of the request's identity.
    let mut rerouted = body.clone();
    (rerouted["model"], rerouted["deadline_ms"]) = ("mini".into(), 5_000.into());
    assert_eq!(keyed(&app, "k", &rerouted).await.ok()["response"], "Once.");
    keyed(&app, "k", &execute_request("pro", "Something else."))
        .await
        .problem(409, "idempotency_key_reused");
    assert_eq!(app.budget("pro").await["today_spent"], first["cost_usd"]);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_share_a_call() {
    let provider = scripted().otherwise(|request| Ok(answer(&request.model, "Shared.")));
    let provider = Arc::new(provider.taking(std::time::Duration::from_millis(50)));
    let app = TestApp::builder().only(provider.clone()).start().await;
    let body = execute_request("pro", "Together.");
    let answers = futures::future::join_all((0..8).map(|_| keyed(&app, "k", &body))).await;
    for answer in answers {
        assert_eq!(answer.ok()["response"], "Shared.");
    }
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn transient_failures_are_retried_and_then_another_model_answers() {
    let busy = || failure("unavailable", NextMove::Retry { after: None }, Billing::None);
    let first = Arc::new(scripted().then_fail(busy()).then_fail(busy()));
    let second = Arc::new(
        ScriptedProvider::new("gemini").then(answer("gemini-2.5-flash-lite", "From elsewhere.")),
    );
    let app = TestApp::builder().only(first.clone()).provider(second).start().await;
    let body = app.post("/v1/execute", "pro", &execute_request("pro", "x")).await.ok();
    assert_eq!((&body["provider"], &body["fallback_used"]), (&json!("gemini"), &json!(true)));
    let outcomes: Vec<&str> = body["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["unavailable", "unavailable", "ok"]);
    assert_eq!(body["cost_usd"], app.budget("pro").await["today_spent"]);
}

#[tokio::test]
async fn a_request_refused_by_the_provider_is_final() {
    let first =
        Arc::new(scripted().then_fail(failure("invalid_value", NextMove::Stop, Billing::None)));
    let second = Arc::new(ScriptedProvider::new("gemini"));
    let app = TestApp::builder().only(first).provider(second.clone()).start().await;
    app.post("/v1/execute", "pro", &execute_request("pro", "x"))
        .await
        .problem(400, "rejected_by_provider");
    assert!(second.asked().is_empty());
    assert_eq!(app.budget("pro").await["today_spent"], 0.0);
}

#[tokio::test]
async fn a_schema_violation_is_repaired_once() {
    let provider = Arc::new(
        scripted()
            .then(answer("gpt-5-nano", "{\"n\": \"one\"}"))
            .then(answer("gpt-5-nano", "{\"n\": 1}")),
    );
    let app = TestApp::builder().only(provider.clone()).start().await;
    let mut request = execute_request("pro", "A number.");
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    request["response_schema"] = json!({ "name": "number", "schema": schema });
    let body = app.post("/v1/execute", "pro", &request).await.ok();
    assert_eq!((&body["parsed"], &body["cost_usd"]), (&json!({ "n": 1 }), &json!(0.00005)));
    let repair = &provider.asked()[1].messages;
    assert!(repair.last().unwrap().content.contains("/n"), "{repair:?}");
    // Invalid twice: the paid text is returned as it is.
    for _ in 0..2 {
        provider.push(Ok(answer("gpt-5-nano", "no json")));
    }
    request["messages"][0]["content"] = "Another number.".into();
    let body = app.post("/v1/execute", "pro", &request).await.ok();
    assert_eq!(
        (&body["finish"], body.get("parsed"), &body["response"]),
        (&json!("invalid_output"), None, &json!("no json"))
    );
}

#[tokio::test]
async fn refusals_and_cut_answers_are_reported_not_retried() {
    let with = |finish: Finish| ports::ModelAnswer { finish, ..answer("gpt-5-nano", "part") };
    let provider =
        Arc::new(scripted().then(with(Finish::Refusal("no".into()))).then(with(Finish::Length)));
    let app = TestApp::builder().only(provider).start().await;
    for expect in ["refusal", "length"] {
        assert_eq!(
            app.post("/v1/execute", "pro", &execute_request("pro", expect)).await.ok()["finish"],
            expect
        );
    }
}

#[tokio::test]
async fn an_unknown_served_model_is_charged_at_the_bound() {
    let provider = Arc::new(scripted().then(answer("gpt-99", "Who am I?")));
    let app = TestApp::builder().only(provider).start().await;
    let body = app.post("/v1/execute", "pro", &execute_request("pro", "x")).await.ok();
    // 500 output tokens at $0.40 per million, and more for the input.
    assert!(body["cost_usd"].as_f64().unwrap() > 0.0002, "{body}");
}

#[tokio::test]
async fn a_stream_ends_with_an_answer_or_error() {
    let provider = Arc::new(scripted().then(answer("gpt-5-nano", "Streamed.")));
    let app = TestApp::builder().only(provider).start().await;
    let mut request = execute_request("pro", "x");
    request["stream"] = true.into();
    let text = app.post("/v1/execute", "pro", &request).await.text;
    assert!(
        text.contains("event: delta")
            && text.contains("event: completed")
            && text.contains("Streamed."),
        "{text}"
    );
    // A failure before any output is reported as the request's error.
    app.post("/v1/execute", "pro", &request).await.problem(400, "rejected_by_provider");
}

#[tokio::test]
async fn estimates_name_the_current_model_and_its_alternatives() {
    let app = TestApp::builder()
        .clock(Arc::new(testkit::FixedClock::at("2026-12-11T08:00:00Z")))
        .start()
        .await;
    let request = json!({ "business_id": "enterprise", "task_type": "positioning_strategy", "input_length": 32_000 });
    let body = app.post("/v1/estimate", "enterprise", &request).await.ok();
    assert_eq!(
        (&body["model"], &body["provider"], &body["input_tokens"]),
        (&json!("gpt-6.1-sol"), &json!("openai"), &json!(8_000))
    );
    let cost = &body["cost_usd"];
    assert!(
        cost["low"].as_f64() <= cost["expected"].as_f64()
            && cost["expected"].as_f64() <= cost["high"].as_f64()
    );
    // 8,000 input tokens at $2, and 7,000 output tokens with 600 of reasoning at $10 per million.
    assert_eq!(cost["expected"], 0.092);
    assert!(
        body["alternatives"].as_array().unwrap().iter().any(|it| it["model"] == "gemini-3.8-flash"),
        "{body}"
    );
    let plan = json!({ "business_id": "enterprise", "workflow": "marketing_analysis", "input": crate::app::brief("software.json", "x") });
    let plan = app.post("/v1/estimate", "enterprise", &plan).await.ok();
    assert_eq!(plan["steps"].as_array().unwrap().len(), 12);
    assert!(plan["reserved_usd"].as_f64() > plan["cost_usd"]["high"].as_f64());
    let models = app.get("/v1/models", "pro").await.ok();
    let ids: Vec<&str> =
        models["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"gpt-6-luna") && !ids.contains(&"gpt-5"), "{ids:?}");
}
