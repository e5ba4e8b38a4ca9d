use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use client::{BUSINESS_HEADER, TASK_HEADER};
use domain::{BusinessId, NanoUsd, TaskId};
use ports::{EmbedRequest, EmbedResponse, ExecuteRequest, Gateway as _, KeyedCall};
use serde_json::{Value, json};

use super::*;

fn call(task: Option<&str>) -> KeyedCall {
    KeyedCall { task: task.map(|task| TaskId::new(task).unwrap()), key: "step-0".into() }
}

fn business() -> BusinessId {
    BusinessId::new("acme").unwrap()
}

fn request() -> ExecuteRequest {
    let body = json!({"business_id": "acme", "task_type": "sentence_summary", "messages": []});
    serde_json::from_value(body).unwrap()
}

fn gateway(router: Router) -> RouterGateway {
    let transport = RouterTransport::new(|| "token".into());
    transport.connect(router);
    RemoteGateway(transport)
}

/// A route that returns its request headers in the fields of an execute response.
async fn echo(headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    let header = |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap());
    let seen = ["authorization", "idempotency-key", "x-raptorflow-task"].map(header).join(" ");
    Json(json!({
        "call_id": seen, "response": body["task_type"], "model_used": "m", "provider": "p", "complexity": "simple",
        "reason": "", "cost_usd": 0.5, "tokens": {"input": 1, "cached_input": 0, "output": 1, "reasoning": 0},
        "latency_ms": 1, "attempts": [], "fallback_used": false,
    }))
}

#[tokio::test]
async fn a_call_carries_its_key_and_its_task() {
    let gateway = gateway(Router::new().route("/v1/execute", post(echo)));
    let with_task = gateway.execute(&call(Some("t1")), &request()).await.unwrap();
    assert_eq!(with_task.call_id, "Bearer token step-0 t1");
    assert_eq!(
        (with_task.response.as_str(), with_task.cost_usd),
        ("sentence_summary", NanoUsd(500_000_000))
    );
    let without = gateway.execute(&call(None), &request()).await.unwrap();
    assert_eq!(without.call_id, "Bearer token step-0 -");
}

#[tokio::test]
async fn before_a_router_is_connected_the_gateway_is_unavailable() {
    let gateway = RemoteGateway(RouterTransport::new(String::new));
    let error = gateway.execute(&call(None), &request()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn each_status_maps_to_the_callers_options() {
    let cases = [
        (409, "in_progress", "the call is in progress"),
        (409, "key_reused", "failed (key_reused): why"),
        (402, "budget_exceeded", "refused (budget_exceeded): why"),
        (404, "not_found", "refused (not_found): why"),
        (429, "concurrency_limit", "refused (concurrency_limit): why"),
        (429, "busy", "failed (busy): why"),
        (503, "emergency_shutdown", "refused (emergency_shutdown): why"),
        (503, "store_unavailable", "the gateway is unavailable: status 503: why"),
        (502, "", "the gateway is unavailable: status 502: why"),
        (429, "", "the gateway is unavailable: status 429: why"),
        (400, "unknown_field", "failed (unknown_field): why"),
        (502, "all_models_failed", "failed (all_models_failed): why"),
    ];
    for (status, code, expected) in cases {
        let problem =
            (StatusCode::from_u16(status).unwrap(), Json(json!({"code": code, "detail": "why"})));
        let gateway =
            gateway(Router::new().route("/v1/execute", post(async move || problem.clone())));
        let error = gateway.execute(&call(None), &request()).await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{status} {code}");
    }
}

#[tokio::test]
async fn embeddings_keep_the_order_of_the_texts() {
    let answer = async |headers: HeaderMap, Json(body): Json<Value>| {
        assert_eq!(headers[BUSINESS_HEADER], "acme");
        assert_eq!(body, json!({"model": "auto", "input": ["a", "b"]}));
        let data = json!([{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]);
        (
            [(COST_HEADER, "1300")],
            Json(json!({"object": "list", "data": data, "model": "small", "usage": {}})),
        )
    };
    let gateway = gateway(Router::new().route("/v1/embeddings", post(answer)));
    let request =
        EmbedRequest { business_id: business(), model: None, texts: vec!["a".into(), "b".into()] };
    let embedded = gateway.embed(&call(None), &request).await.unwrap();
    let expected = EmbedResponse {
        vectors: vec![vec![1.0], vec![2.0]],
        model: "small".into(),
        cost: NanoUsd(1300),
    };
    assert_eq!(embedded, expected);

    let three =
        EmbedRequest { texts: vec!["a".into(), "b".into()], model: Some("auto".into()), ..request };
    assert!(gateway.embed(&call(None), &three).await.is_ok());
}

#[tokio::test]
async fn a_call_is_cancelled_by_business_and_key() {
    let cancel = async |headers: HeaderMap, Json(body): Json<Value>| {
        assert_eq!(headers[TASK_HEADER], "t1");
        assert_eq!(body, json!({"business_id": "acme", "key": "step-0"}));
        StatusCode::ACCEPTED
    };
    let gateway = gateway(Router::new().route("/v1/calls/cancel", post(cancel)));
    assert_eq!(gateway.cancel(&business(), &call(Some("t1"))).await, Ok(()));
}
