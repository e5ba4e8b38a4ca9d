//! Tests of provider failures, stalls, broken streams and expensive models, and of the resulting
//! costs.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    http::{Method, Request},
};
use domain::{catalog::Catalog, rulebook::Rulebook, usage::Usage};
use futures::StreamExt as _;
use ports::{Billing, Finish, ModelProvider, NextMove, Piece};
use serde_json::{Value, json};
use testkit::{BackgroundRequest, Beat, FixedClock, ScriptedProvider, answer, failure};
use tower::ServiceExt as _;

use crate::app::{TestApp, execute_request};

fn openai() -> ScriptedProvider {
    ScriptedProvider::new("openai")
}

fn gemini() -> ScriptedProvider {
    ScriptedProvider::new("gemini")
        .otherwise(|request| Ok(answer(&request.model, "From the other provider.")))
}

async fn app(
    openai: ScriptedProvider,
    gemini: ScriptedProvider,
) -> (TestApp, Arc<ScriptedProvider>) {
    let openai = Arc::new(openai);
    let providers: [Arc<dyn ModelProvider>; 2] = [openai.clone(), Arc::new(gemini)];
    let [first, second] = providers;
    (TestApp::builder().only(first).provider(second).start().await, openai)
}

fn streamed(text: &str) -> Value {
    let mut request = execute_request("pro", text);
    request["stream"] = true.into();
    request
}

/// The outcomes of the attempts in an answer or a problem.
fn outcomes(body: &Value) -> Vec<(String, String)> {
    let text = |attempt: &Value, field: &str| attempt[field].as_str().unwrap().to_owned();
    body["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(it, "model"), text(it, "outcome")))
        .collect()
}

/// Opens a stream and reads until it has text.
async fn watched(app: &TestApp, request: &Value) -> BodyDataStream {
    let request = Request::post("/v1/execute")
        .header("authorization", format!("Bearer {}", app.token("pro")))
        .header("content-type", "application/json")
        .body(Body::from(request.to_string()));
    let response = app.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut events = response.into_body().into_data_stream();
    let first = events.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: delta"), "{first:?}");
    events
}

/// The day's spending once nothing is held.
async fn settled(app: &TestApp) -> f64 {
    app.settled_budget("pro").await["today_spent"].as_f64().unwrap()
}

#[tokio::test]
async fn a_broken_stream_is_charged_at_its_bound() {
    let lost = failure("connection_lost", NextMove::Retry { after: None }, Billing::Unknown);
    let beats = [Beat::text("It was "), Beat::text("the best of"), Beat::Fail(lost)];
    let (app, provider) = app(openai().then_stream(beats), gemini()).await;
    let text = app.post("/v1/execute", "pro", &streamed("Tell.")).await.text;
    assert_eq!(text.matches("event: delta").count(), 2, "{text}");
    assert!(
        text.contains("event: error") && text.contains("stream_cut") && !text.contains("completed"),
        "{text}"
    );
    // No other model started over, and what was generated may be billed.
    assert_eq!(provider.asked().len(), 1);
    assert!(settled(&app).await > 500.0 * 0.4e-6);
}

#[tokio::test]
async fn a_stream_without_an_end_is_no_answer() {
    let (app, _) = app(openai().then_stream([Beat::text("It was ")]), gemini()).await;
    let text = app.post("/v1/execute", "pro", &streamed("Tell.")).await.text;
    assert!(text.contains("event: error") && text.contains("stream_cut"), "{text}");
}

#[tokio::test]
async fn a_broken_openai_stream_has_no_done() {
    let (app, _) = app(openai().then_stream([Beat::text("It was ")]), gemini()).await;
    let chat = json!({ "model": "nano", "stream": true, "messages": [{ "role": "user", "content": "Tell." }] });
    let text = app.post("/v1/chat/completions", "pro", &chat).await.text;
    assert!(
        text.contains("\"error\"") && text.contains("stream_cut") && !text.contains("[DONE]"),
        "{text}"
    );
}

#[tokio::test]
async fn a_stream_failing_before_output_falls_back() {
    let (app, _) = app(
        openai().then_stream([Beat::Fail(failure(
            "unavailable",
            NextMove::NextModel,
            Billing::None,
        ))]),
        gemini(),
    )
    .await;
    let text = app.post("/v1/execute", "pro", &streamed("Tell.")).await.text;
    assert!(
        text.contains("From the other provider.") && text.contains("event: completed"),
        "{text}"
    );
    assert!(text.contains("\"fallback_used\":true"), "{text}");
}

#[tokio::test]
async fn a_disconnected_client_pays_for_generated_tokens() {
    let consumed = Usage::of(1_000, 200);
    let beats =
        [Beat::text("Once "), Beat::Piece(Piece::Usage(consumed)), Beat::text("upon"), Beat::Hang];
    let (app, _) = app(openai().then_stream(beats), gemini()).await;
    let mut events = watched(&app, &streamed("Tell.")).await;
    assert!(String::from_utf8_lossy(&events.next().await.unwrap().unwrap()).contains("upon"));
    drop(events);
    // 1,000 input tokens at $0.05 and 200 output tokens at $0.40 per million.
    assert!((settled(&app).await - 0.000_13).abs() < 1e-12);
}

#[tokio::test]
async fn disconnecting_before_usage_costs_the_bound() {
    let (app, _) = app(openai().then_stream([Beat::text("Once "), Beat::Hang]), gemini()).await;
    drop(watched(&app, &streamed("Tell.")).await);
    assert!(settled(&app).await > 500.0 * 0.4e-6);
}

#[tokio::test(start_paused = true)]
async fn an_endless_stream_is_stopped_at_its_deadline() {
    let provider = Arc::new(openai().then_stream([Beat::text("Once "), Beat::Hang]));
    let clock = Arc::new(FixedClock::at("2026-11-22T09:00:00Z"));
    let app = TestApp::builder().only(provider).clock(clock).start().await;
    let text = app.post("/v1/execute", "pro", &streamed("Tell.")).await.text;
    assert!(text.contains("event: error") && text.contains("timeout"), "{text}");
}

#[tokio::test]
async fn attempts_are_bounded_over_the_whole_chain() {
    let fail =
        || failure("server_error", NextMove::Retry { after: Some(Duration::ZERO) }, Billing::None);
    let provider = |name: &str| ScriptedProvider::new(name).otherwise(move |_| Err(fail()));
    let (app, _) = app(provider("openai"), provider("gemini")).await;
    let problem = app
        .post("/v1/execute", "pro", &execute_request("pro", "x"))
        .await
        .problem(502, "all_models_failed");
    let models: Vec<_> = outcomes(&problem).into_iter().map(|(model, _)| model).collect();
    assert_eq!(
        models,
        ["gpt-5-nano", "gpt-5-nano", "gemini-2.5-flash-lite", "gemini-2.5-flash-lite"]
    );
    assert_eq!(app.budget("pro").await["today_spent"], 0.0);
}

#[tokio::test]
async fn falls_back_when_retry_after_exceeds_the_deadline() {
    let patient = NextMove::Retry { after: Some(Duration::from_secs(15)) };
    let (app, _) =
        app(openai().then_fail(failure("rate_limited", patient, Billing::None)), gemini()).await;
    let mut request = execute_request("pro", "x");
    request["deadline_ms"] = 10_000.into();
    let body = app.post("/v1/execute", "pro", &request).await.ok();
    let expect = [("gpt-5-nano", "rate_limited"), ("gemini-2.5-flash-lite", "ok")];
    assert_eq!(outcomes(&body), expect.map(|(model, outcome)| (model.into(), outcome.into())));
}

#[tokio::test]
async fn the_circuit_breaker_skips_a_failing_model() {
    let (app, provider) = app(
        openai().otherwise(|_| Err(failure("unavailable", NextMove::NextModel, Billing::None))),
        gemini(),
    )
    .await;
    for _ in 0..8 {
        app.post("/v1/execute", "pro", &execute_request("pro", "x")).await.ok();
    }
    assert_eq!(provider.asked().len(), 5, "five failures open the breaker");
}

#[tokio::test]
async fn a_breaker_refuses_nothing_when_every_model_is_failing() {
    let failing =
        |_: &ports::ModelRequest| Err(failure("unavailable", NextMove::NextModel, Billing::None));
    let provider = Arc::new(openai().otherwise(failing));
    let app = TestApp::builder().only(provider.clone()).start().await;
    for _ in 0..7 {
        let failed = app.post("/v1/execute", "pro", &execute_request("pro", "x")).await;
        failed.problem(502, "all_models_failed");
    }
    assert_eq!(provider.asked().len(), 7);
}

#[tokio::test]
async fn refused_flex_service_falls_back_to_standard() {
    let busy = failure("resource_unavailable", NextMove::Retry { after: None }, Billing::None);
    let flexible = Arc::new(FlexOpenAi(openai().then_fail(busy).otherwise(|request| {
        let served = answer(&request.model, "Served.");
        Ok(ports::ModelAnswer { service_tier: request.service_tier, ..served })
    })));
    let app = TestApp::builder().only(flexible).start().await;
    let mut request = execute_request("pro", "x");
    request["urgency"] = "low".into();
    let refused = app.post("/v1/execute", "pro", &request).await.ok();
    assert_eq!(
        (&refused["service_tier"], &refused["cost_usd"]),
        (&json!("standard"), &json!(0.000_025))
    );
    assert_eq!(refused["attempts"].as_array().unwrap().len(), 2);
    let served = app.post("/v1/execute", "pro", &request).await.ok();
    assert_eq!(
        (&served["service_tier"], &served["cost_usd"]),
        (&json!("flex"), &json!(0.000_012_5))
    );
}

/// A scripted provider with flex service.
struct FlexOpenAi(ScriptedProvider);

#[async_trait::async_trait]
impl ModelProvider for FlexOpenAi {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn offers(&self, _: domain::catalog::ServiceTier) -> bool {
        true
    }
    async fn generate(
        &self,
        request: &ports::ModelRequest,
    ) -> Result<ports::ModelAnswer, ports::ProviderError> {
        self.0.generate(request).await
    }
    async fn stream(
        &self,
        request: &ports::ModelRequest,
    ) -> Result<ports::Pieces, ports::ProviderError> {
        self.0.stream(request).await
    }
}

#[tokio::test]
async fn a_low_budget_downgrades_before_it_refuses() {
    let any = |request: &ports::ModelRequest| Ok(answer(&request.model, "Here."));
    let app = TestApp::builder().only(Arc::new(openai().otherwise(any))).start().await;
    app.spend("basic", "9.97").await;
    // 32,000 output tokens of Mini are $0.064, of Nano $0.0128.
    let mut request = execute_request("basic", "Plan.");
    (request["task_type"], request["max_output_tokens"]) = ("icp_generation".into(), 32_000.into());
    let body = app.post("/v1/execute", "basic", &request).await.ok();
    assert_eq!((&body["model_used"], &body["downgraded"]), (&json!("gpt-5-nano"), &json!(true)));
    assert!(
        body["reason"].as_str().unwrap().contains("the budget left carries only nano"),
        "{body}"
    );
    request["model"] = "mini".into();
    app.post("/v1/execute", "basic", &request).await.problem(402, "daily_budget_exceeded");
    request["max_output_tokens"] = 128_000.into();
    request.as_object_mut().unwrap().remove("model");
    app.post("/v1/execute", "basic", &request).await.problem(402, "daily_budget_exceeded");
}

#[tokio::test]
async fn tokens_are_counted_when_the_byte_bound_exceeds_budget() {
    let any = |request: &ports::ModelRequest| Ok(answer(&request.model, "Here."));
    let app = TestApp::builder().only(Arc::new(openai().otherwise(any))).start().await;
    app.spend("basic", "9.98").await;
    // 600,000 bytes are $0.03 of Nano's input at one token per byte, and a quarter of that when the
    // tokens are counted.
    let mut request = execute_request("basic", &"a town by the sea, ".repeat(31_000));
    request["model"] = "nano".into();
    // The first call that needs the vocabulary waits until it is loaded.
    assert_eq!(app.post("/v1/execute", "basic", &request).await.ok()["model_used"], "gpt-5-nano");
}

#[tokio::test]
async fn a_cached_answer_within_max_age_is_free() {
    let slow = openai().taking(Duration::from_millis(30));
    let provider = Arc::new(slow.otherwise(|request| Ok(answer(&request.model, "Cached."))));
    let app = TestApp::builder().only(provider.clone()).start().await;
    let mut request = execute_request("pro", "What is new?");
    request["cache_ttl_s"] = 86_400.into();
    let answers =
        futures::future::join_all((0..6).map(|_| app.post("/v1/execute", "pro", &request))).await;
    let hits = answers.iter().filter(|answer| answer.ok()["cached"] == true).count();
    assert_eq!((hits, provider.asked().len()), (5, 1));
    let hit = app.post("/v1/execute", "pro", &request).await.ok();
    assert_eq!(
        (&hit["cached"], &hit["cost_usd"], &hit["response"]),
        (&json!(true), &json!(0.0), &json!("Cached."))
    );
    assert_eq!(app.budget("pro").await["today_spent"], 0.000_025);
    // Another question, business or maximum age makes another call.
    for (business, field, value) in [
        ("pro", "messages", json!([{ "role": "user", "content": "Else?" }])),
        ("other", "stream", json!(false)),
        ("pro", "cache_ttl_s", json!(3600)),
    ] {
        let mut other = request.clone();
        (other["business_id"], other[field]) = (business.into(), value);
        assert_eq!(
            app.post("/v1/execute", business, &other).await.ok()["cached"],
            false,
            "{field}"
        );
    }
    request["cache_ttl_s"] = 86_401.into();
    app.post("/v1/execute", "pro", &request).await.problem(400, "invalid_field");
}

#[tokio::test]
async fn a_conversation_stays_with_its_cached_model() {
    let overloaded = failure("unavailable", NextMove::NextModel, Billing::None);
    let (app, provider) = app(
        openai().then_fail(overloaded).otherwise(|request| Ok(answer(&request.model, "Back."))),
        gemini(),
    )
    .await;
    let chat = |session: &str| json!({ "model": "nano", "prompt_cache_key": session, "messages": [{ "role": "user", "content": "x" }] });
    let ask = async |session: &str| {
        app.post("/v1/chat/completions", "pro", &chat(session)).await.ok()["model"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("one").await, "gemini-2.5-flash-lite");
    assert_eq!(ask("one").await, "gemini-2.5-flash-lite");
    assert_eq!(ask("two").await, "gpt-5-nano");
    let asked = provider.asked();
    let keys: Vec<_> = asked.iter().map(|request| request.cache_key.as_deref().unwrap()).collect();
    assert!(
        keys[0] != keys[1] && keys.iter().all(|key| key.len() == 32),
        "a key of the business's own: {keys:?}"
    );
}

#[tokio::test]
async fn function_calls_pass_through_in_both_directions() {
    let call = ports::ToolCall {
        id: "c1".into(),
        name: "weather".into(),
        arguments: "{\"town\":\"Delft\"}".into(),
    };
    let asks = ports::ModelAnswer { tool_calls: vec![call.clone()], ..answer("gpt-5-mini", "") };
    let (app, provider) =
        app(openai().then(asks).then(answer("gpt-5-mini", "Rain.")), gemini()).await;
    let tools = json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }]);
    let mut chat = json!({ "model": "mini", "messages": [{ "role": "user", "content": "Delft?" }], "tools": tools,
        "tool_choice": { "type": "function", "function": { "name": "weather" } } });
    let body = app.post("/v1/chat/completions", "pro", &chat).await.ok();
    let choice = &body["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{\"town\":\"Delft\"}");
    chat["messages"].as_array_mut().unwrap().push(choice["message"].clone());
    let result = json!({ "role": "tool", "tool_call_id": "c1", "content": "wet" });
    chat["messages"].as_array_mut().unwrap().push(result);
    assert_eq!(
        app.post("/v1/chat/completions", "pro", &chat).await.ok()["choices"][0]["message"]["content"],
        "Rain."
    );
    let asked = provider.asked().pop().unwrap();
    assert_eq!(
        (&asked.messages[1].tool_calls, asked.messages[2].tool_call_id.as_deref()),
        (&vec![call], Some("c1"))
    );
    chat["tool_choice"] = json!({ "type": "function", "function": { "name": "tides" } });
    let error = app.post("/v1/chat/completions", "pro", &chat).await;
    assert_eq!(
        (error.status.as_u16(), &error.json()["error"]["param"]),
        (400, &json!("tool_choice"))
    );
}

#[tokio::test]
async fn a_refusal_is_marked_as_a_refusal() {
    let declined = ports::ModelAnswer {
        finish: Finish::Refusal("I must not.".into()),
        ..answer("gpt-5-mini", "")
    };
    let (app, _) = app(openai().then(declined), gemini()).await;
    let chat = json!({ "model": "mini", "messages": [{ "role": "user", "content": "x" }] });
    let body = app.post("/v1/chat/completions", "pro", &chat).await.ok();
    let message = &body["choices"][0]["message"];
    assert_eq!((&message["refusal"], &message["content"]), (&json!("I must not."), &Value::Null));
}

#[tokio::test]
async fn a_streamed_refusal_is_marked_as_it_arrives() {
    let declined = ports::ModelAnswer {
        finish: Finish::Refusal("I must not.".into()),
        ..answer("gpt-5-nano", "")
    };
    let refused = |words: &str| Beat::Piece(Piece::Refusal(words.into()));
    let beats = [refused("I must"), refused(" not."), Beat::answer(declined)];
    let (app, _) = app(openai().then_stream(beats), gemini()).await;
    let chat = json!({ "model": "nano", "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    let text = app.post("/v1/chat/completions", "pro", &chat).await.text;
    let chunks = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let deltas: Vec<Value> = chunks.map(|chunk| chunk["choices"][0]["delta"].clone()).collect();
    let expect = [
        json!({ "role": "assistant", "refusal": "I must" }),
        json!({ "refusal": " not." }),
        json!({}),
    ];
    assert_eq!(deltas, expect, "{text}");
}

#[tokio::test]
async fn an_emergency_stop_between_attempts_ends_the_call() {
    let slow = failure("unavailable", NextMove::NextModel, Billing::None);
    let (app, _) = app(openai().then_fail(slow).taking(Duration::from_millis(80)), gemini()).await;
    let request = execute_request("pro", "x");
    let asked = app.post("/v1/execute", "pro", &request);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let body = json!({ "stopped": true, "reason": "drill" });
        app.call(Method::PUT, "/v1/emergency-stop/pro", &app.admin(), None, Some(&body)).await
    };
    let (answered, _) = tokio::join!(asked, stop);
    answered.problem(503, "emergency_shutdown");
    assert!(settled(&app).await < 1e-12);
}

async fn keyed(app: &TestApp, key: &str) -> crate::app::Answer {
    let request = execute_request("pro", "Think long.");
    app.call(Method::POST, "/v1/execute", &app.token("pro"), Some(key), Some(&request)).await
}

#[tokio::test]
async fn a_keyed_call_runs_in_the_background() {
    let thought = answer("gpt-5-nano", "Thought.");
    let (app, provider) =
        app(openai().then_fetch(Ok(None)).then_fetch(Ok(Some(thought))), gemini()).await;
    let body = keyed(&app, "k").await.ok();
    assert_eq!((&body["response"], &body["cost_usd"]), (&json!("Thought."), &json!(0.000_025)));
    let id = || "background-1".to_owned();
    assert_eq!(
        provider.background_asked(),
        [
            BackgroundRequest::Begin(id()),
            BackgroundRequest::Fetch(id()),
            BackgroundRequest::Fetch(id())
        ]
    );
}

#[tokio::test]
async fn an_orphaned_background_call_is_settled_once() {
    let clock = Arc::new(FixedClock::at("2026-11-22T09:00:00Z"));
    let provider = Arc::new(openai().in_background());
    let app = TestApp::builder().only(provider.clone()).clock(clock.clone()).start().await;
    let app = Arc::new(app);
    let first = tokio::spawn({
        let app = app.clone();
        async move { keyed(&app, "k").await }
    });
    while !provider
        .background_asked()
        .iter()
        .any(|asked| matches!(asked, BackgroundRequest::Fetch(_)))
    {
        tokio::task::yield_now().await;
    }
    // The owner has been silent for a minute: the sweep charges the bound.
    clock.advance_seconds(61);
    app.call(Method::POST, "/sweep", &app.admin(), None, None).await.ok();
    assert!(settled(&app).await > 500.0 * 0.4e-6);
    for _ in 0..2 {
        provider.push_fetch(Ok(Some(answer("gpt-5-nano", "Found."))));
    }
    let second = keyed(&app, "k").await.ok();
    assert_eq!(second["response"], "Found.");
    // The owner was slow, not dead: it returns with the same answer, and nothing is paid again.
    assert_eq!(first.await.unwrap().ok()["response"], "Found.");
    assert_eq!((provider.asked().len(), settled(&app).await.to_string().as_str()), (1, "0.000025"));
}

#[tokio::test]
async fn a_call_lost_by_the_provider_is_repeated() {
    let provider = Arc::new(openai().then_fetch(Err(testkit::forgotten())));
    let app = TestApp::builder().only(provider.clone()).start().await;
    keyed(&app, "k").await.problem(502, "all_models_failed");
    provider.push_fetch(Ok(Some(answer("gpt-5-nano", "Again."))));
    assert_eq!(keyed(&app, "k").await.ok()["response"], "Again.");
    assert_eq!(provider.asked().len(), 2);
}

#[tokio::test]
async fn a_cancelled_background_call_costs_its_reported_usage() {
    let said = ports::ModelAnswer {
        usage: Some(Usage::of(1_000, 200)),
        ..answer("gpt-5-nano", "Half a th")
    };
    let (app, provider) = app(openai().then_cancel(Ok(Some(said))), gemini()).await;
    let cancel = async {
        while !provider
            .background_asked()
            .iter()
            .any(|asked| matches!(asked, BackgroundRequest::Fetch(_)))
        {
            tokio::task::yield_now().await;
        }
        let body = json!({ "business_id": "pro", "key": "k" });
        app.call(Method::POST, "/v1/calls/cancel", &app.token("pro"), None, Some(&body)).await
    };
    let (answered, _) = tokio::join!(keyed(&app, "k"), cancel);
    answered.problem(409, "cancelled");
    assert!((settled(&app).await - 0.000_13).abs() < 1e-12);
}

/// A provider that lists its models.
struct Listing(Vec<ports::ListedModel>);

#[async_trait::async_trait]
impl ModelProvider for Listing {
    fn name(&self) -> &'static str {
        "openai"
    }
    async fn generate(
        &self,
        _: &ports::ModelRequest,
    ) -> Result<ports::ModelAnswer, ports::ProviderError> {
        Err(failure("unavailable", NextMove::NextModel, Billing::None))
    }
    async fn stream(
        &self,
        request: &ports::ModelRequest,
    ) -> Result<ports::Pieces, ports::ProviderError> {
        self.generate(request).await.map(ports::whole)
    }
    async fn listed(&self) -> Result<Option<Vec<ports::ListedModel>>, ports::ProviderError> {
        Ok(Some(self.0.clone()))
    }
}

#[tokio::test]
async fn the_daily_check_reports_vanished_and_ending_models() {
    let listed = |id: &str, shutdown: Option<&str>| ports::ListedModel {
        id: id.into(),
        shutdown: shutdown.map(|date| date.parse().unwrap()),
    };
    let models = [
        "gpt-5-mini",
        "gpt-6-luna",
        "gpt-6.1-terra",
        "gpt-6.1-sol",
        "text-embedding-3-small",
        "gpt-5",
    ];
    let mut models: Vec<_> = models.iter().map(|id| listed(id, None)).collect();
    models[0] = listed("gpt-5-mini", Some("2026-12-01"));
    let app = TestApp::builder().only(Arc::new(Listing(models))).start().await;
    let look =
        async |token: &str| app.call(Method::POST, "/v1/models/check", token, None, None).await;
    look(&app.token("pro")).await.problem(403, "service_only");
    let found = look(&app.admin()).await.ok();
    assert_eq!(found["checked"], json!(["openai"]));
    let warnings: Vec<_> =
        found["warnings"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(warnings.contains(&"`gpt-5` ends in 19 days"), "{warnings:?}");
    assert!(
        warnings.contains(&"`gpt-5-nano` is not listed by its provider any more"),
        "{warnings:?}"
    );
    assert!(
        warnings
            .contains(&"`gpt-5-mini` ends on 2026-12-01, before the 2026-12-11 of the catalogue"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn an_ending_embedding_model_warns_thirty_days_ahead() {
    let catalog = include_str!("../../common/domain/data/models.toml");
    let ending = r#"lifecycle = { shutdown = 2026-12-20, replacement = "text-embedding-3-large", source = "a test" }"#;
    let catalog =
        catalog.replacen("dimensions = 1536\n", &format!("dimensions = 1536\n{ending}\n"), 1);
    let rules = Rulebook::new(Catalog::parse(&catalog).unwrap(), Rulebook::LEAD_DAYS).unwrap();
    let small = || json!({ "business_id": "pro", "items": [{ "id": "a", "text": "ships" }] });
    for (day, days) in [("2026-11-19", None), ("2026-11-22", Some(28))] {
        let clock = Arc::new(FixedClock::at(&format!("{day}T09:00:00Z")));
        let app = TestApp::builder().rules(rules.clone()).clock(clock).start().await;
        app.post("/v1/vectors/upsert", "pro", &small()).await.ok();
        let models = app.get("/v1/models/text-embedding-3-small", "pro").await.ok();
        assert_eq!(
            (&models["roles"], &models["shutdown_date"]),
            (&json!(["embedding"]), &json!("2026-12-20"))
        );
        let told = days.map(|days| format!("ends in {days} days; then text-embedding-3-large"));
        assert_eq!(models["warning"].as_str(), told.as_deref(), "{day}");
        let found = app.call(Method::POST, "/v1/models/check", &app.admin(), None, None).await.ok();
        let warnings: Vec<_> =
            found["warnings"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
        let of_vectors = "pro: the vectors were made with `text-embedding-3-small`, which ends in 28 days: move them to \
            `text-embedding-3-large` with `reembed`";
        assert_eq!(
            warnings.contains(&"`text-embedding-3-small` ends in 28 days"),
            days.is_some(),
            "{warnings:?}"
        );
        assert_eq!(warnings.contains(&of_vectors), days.is_some(), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_recursive_schema_is_refused_before_any_hold() {
    let app = TestApp::new().await;
    let mut request = execute_request("pro", "x");
    let schema = json!({ "type": "object", "properties": { "again": { "$ref": "#" } } });
    request["response_schema"] = json!({ "name": "endless", "schema": schema });
    let problem = app.post("/v1/execute", "pro", &request).await.problem(400, "invalid_field");
    assert_eq!(problem["field"], "response_schema.schema");
}

#[tokio::test]
async fn recovering_an_answer_keeps_earlier_attempts_booked() {
    let clock = Arc::new(FixedClock::at("2026-11-22T09:00:00Z"));
    let lost =
        failure("server_error", NextMove::Retry { after: Some(Duration::ZERO) }, Billing::Unknown);
    let provider = Arc::new(openai().then_begin(Err(lost)));
    let app =
        Arc::new(TestApp::builder().only(provider.clone()).clock(clock.clone()).start().await);
    let first = tokio::spawn({
        let app = app.clone();
        async move { keyed(&app, "k").await }
    });
    while !provider
        .background_asked()
        .iter()
        .any(|asked| matches!(asked, BackgroundRequest::Fetch(_)))
    {
        tokio::task::yield_now().await;
    }
    clock.advance_seconds(61);
    app.call(Method::POST, "/sweep", &app.admin(), None, None).await.ok();
    for _ in 0..2 {
        provider.push_fetch(Ok(Some(answer("gpt-5-nano", "Found."))));
    }
    let second = keyed(&app, "k").await.ok();
    first.await.unwrap().ok();
    let charged: f64 = second["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["cost_usd"].as_f64().unwrap())
        .sum();
    assert!(charged > 500.0 * 0.4e-6, "the attempt before it may be billed: {second}");
    assert!((settled(&app).await - charged).abs() < 1e-12);
}

#[tokio::test]
async fn an_incomplete_answer_is_not_cached() {
    let short = ports::ModelAnswer { finish: Finish::Length, ..answer("gpt-5-nano", "Half") };
    let (app, _) = app(openai().then(short).then(answer("gpt-5-nano", "Whole.")), gemini()).await;
    let mut request = execute_request("pro", "x");
    request["cache_ttl_s"] = 86_400.into();
    assert_eq!(app.post("/v1/execute", "pro", &request).await.ok()["finish"], "length");
    let second = app.post("/v1/execute", "pro", &request).await.ok();
    assert_eq!((&second["response"], &second["cached"]), (&json!("Whole."), &json!(false)));
}

#[tokio::test]
async fn a_capped_named_model_keeps_its_name() {
    let any = |request: &ports::ModelRequest| Ok(answer(&request.model, "Here."));
    let app = TestApp::builder().only(Arc::new(openai().otherwise(any))).start().await;
    app.spend("pro", "49.99").await;
    let chat = json!({ "model": "full", "max_completion_tokens": 32_000, "messages": [{ "role": "user", "content": "x" }] });
    let refused = app.post("/v1/chat/completions", "pro", &chat).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["code"]),
        (402, &json!("daily_budget_exceeded"))
    );
}
