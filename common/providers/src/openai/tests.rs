//! Both protocols against a strict local server that plays recorded answers.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use ports::{Billing, Finish, ModelMessage, NextMove, OutputSchema};
use serde_json::json;

use ports::Secret;

use super::*;

/// What the server will answer, and what it was asked.
struct Fake {
    status: StatusCode,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    asked: Mutex<Vec<(String, Value)>>,
}

async fn answer(State(fake): State<Arc<Fake>>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    assert_eq!(headers["authorization"], "Bearer sk-test");
    let asked = serde_json::from_slice(&body).unwrap();
    fake.asked.lock().unwrap().push((uri.path().into(), asked));
    let headers: HeaderMap = fake.headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
    (fake.status, headers, fake.body.clone())
}

async fn serve(fake: Fake) -> (String, Arc<Fake>) {
    let fake = Arc::new(fake);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, fake)
}

fn request() -> ModelRequest {
    let message = |role, content: &str| ModelMessage::text(role, content);
    let messages = vec![message(MessageRole::System, "Be brief."), message(MessageRole::User, "Who buys?")];
    ModelRequest {
        effort: Some(Effort::Low),
        schema: Some(OutputSchema {
            name: "icps".into(),
            schema: json!({"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]}),
        }),
        cache_key: Some("task-1".into()),
        timeout: Duration::from_secs(5),
        ..ModelRequest::new("gpt-5-mini", "icp_generation", messages, 900)
    }
}

/// The key, if there is one.
struct Known(Option<&'static str>);

#[async_trait]
impl SecretSource for Known {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        self.0.filter(|_| name == KEY).map(Secret::new).ok_or_else(|| SecretError::NotFound(name.into()))
    }
}

async fn ask(
    api: Api,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &[u8],
) -> (Result<ModelAnswer, ProviderError>, Value) {
    let status = StatusCode::from_u16(status).unwrap();
    let fake = Fake { status, headers: headers.into(), body: body.into(), asked: Mutex::default() };
    let (url, fake) = serve(fake).await;
    let client = OpenAi::new(&url, api, Arc::new(Known(Some("sk-test"))));
    let result = client.generate(&request()).await;
    let asked = fake.asked.lock().unwrap()[0].clone();
    let path = if api == Api::Responses { "/v1/responses" } else { "/v1/chat/completions" };
    assert_eq!(asked.0, path);
    (result, asked.1)
}

#[tokio::test]
async fn a_response_carries_text_usage_and_the_model_that_served() {
    let (answer, asked) =
        ask(Api::Responses, 200, &[], include_bytes!("../../fixtures/responses/completed.json")).await;
    let answer = answer.unwrap();
    assert_eq!(answer.text, "{\"who\":\"harbour masters\"}");
    assert_eq!(answer.model_served, "gpt-5-mini-2025-08-07");
    let usage = Usage { input: 120, cached_input: 64, cache_write: 0, output: 80, reasoning: 52, searches: 0 };
    assert_eq!(answer.usage, Some(usage));
    let schema = json!({"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"], "additionalProperties": false});
    assert_eq!(
        asked,
        json!({
            "model": "gpt-5-mini", "instructions": "Be brief.", "input": [{"role": "user", "content": "Who buys?"}],
            "max_output_tokens": 900, "store": false, "reasoning": {"effort": "low"}, "prompt_cache_key": "task-1",
            "text": {"format": {"type": "json_schema", "name": "icps", "strict": true, "schema": schema}},
        })
    );
}

#[tokio::test]
async fn a_compatible_server_is_asked_for_a_chat_completion() {
    let (answer, asked) =
        ask(Api::ChatCompletions, 200, &[], include_bytes!("../../fixtures/chat/completed.json")).await;
    let answer = answer.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("{\"who\":\"harbour masters\"}", Finish::Stop));
    assert_eq!(answer.usage, Some(Usage { reasoning: 5, ..Usage::of(31, 12) }));
    assert_eq!(asked["messages"][0], json!({"role": "system", "content": "Be brief."}));
    assert_eq!((&asked["max_completion_tokens"], &asked["reasoning_effort"]), (&json!(900), &json!("low")));
    assert_eq!(asked["response_format"]["json_schema"]["strict"], true);
}

#[tokio::test]
async fn answers_that_stopped_early_say_why_and_keep_their_usage() {
    let finish = async |body: &[u8]| ask(Api::Responses, 200, &[], body).await.0.map(|a| (a.finish, a.usage.is_some()));
    let incomplete = include_bytes!("../../fixtures/responses/incomplete.json");
    assert_eq!(finish(incomplete).await, Ok((Finish::Length, true)));
    let refusal = include_bytes!("../../fixtures/responses/refusal.json");
    assert_eq!(finish(refusal).await, Ok((Finish::Refusal("I cannot help with that.".into()), true)));
    let no_usage = include_bytes!("../../fixtures/responses/no_usage.json");
    assert_eq!(finish(no_usage).await, Ok((Finish::Stop, false)));
}

#[tokio::test]
async fn failures_say_what_to_do_next_and_whether_they_may_be_billed() {
    let check =
        async |status: u16, headers: &[(&'static str, &'static str)], body: &str, expect: (&str, NextMove, Billing)| {
            let error = ask(Api::Responses, status, headers, body.as_bytes()).await.0.unwrap_err();
            assert_eq!((error.code.as_str(), error.next, error.billing), expect, "{status} {body}");
        };
    let retry = |seconds| NextMove::Retry { after: Some(Duration::from_secs(seconds)) };
    let (none, unknown) = (Billing::None, Billing::Unknown);
    check(
        429,
        &[("retry-after", "2")],
        r#"{"error":{"code":"rate_limit_exceeded","message":"slow"}}"#,
        ("rate_limited", retry(2), none),
    )
    .await;
    check(429, &[], "{}", ("rate_limited", NextMove::Retry { after: None }, none)).await;
    check(429, &[("retry-after", "600")], "{}", ("rate_limited", NextMove::NextModel, none)).await;
    check(429, &[], r#"{"error":{"code":"insufficient_quota"}}"#, ("insufficient_quota", NextMove::NextModel, none))
        .await;
    check(401, &[], "{}", ("not_authorised", NextMove::NextModel, none)).await;
    check(404, &[], "<html>", ("model_not_found", NextMove::NextModel, none)).await;
    check(400, &[], r#"{"error":{"code":"invalid_value"}}"#, ("invalid_value", NextMove::Stop, none)).await;
    check(503, &[], "<html>down</html>", ("unavailable", NextMove::Retry { after: None }, none)).await;
    check(500, &[], "", ("server_error", NextMove::Retry { after: None }, unknown)).await;
    check(200, &[], "<html>", ("unreadable_answer", NextMove::NextModel, unknown)).await;
    check(200, &[], "", ("unreadable_answer", NextMove::NextModel, unknown)).await;
    check(200, &[], "{}", ("unreadable_answer", NextMove::NextModel, unknown)).await;
    check(
        200,
        &[],
        r#"{"status":"completed","output":[{"type":"mess"#,
        ("unreadable_answer", NextMove::NextModel, unknown),
    )
    .await;
    check(
        200,
        &[],
        r#"{"status":"failed","error":{"code":"server_error"}}"#,
        ("server_error", NextMove::Retry { after: None }, unknown),
    )
    .await;
}

#[tokio::test]
async fn openai_is_not_asked_without_a_key() {
    let client = OpenAi::new(OPENAI, Api::Responses, Arc::new(Known(None)));
    let error = client.generate(&request()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.next, error.billing), ("no_key", NextMove::NextModel, Billing::None));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_was_not_paid() {
    let client = OpenAi::new("http://127.0.0.1:9/v1", Api::Responses, Arc::new(Known(None)));
    let error = client.generate(&request()).await.unwrap_err();
    assert_eq!((error.next, error.billing), (NextMove::Retry { after: None }, Billing::None));
}
