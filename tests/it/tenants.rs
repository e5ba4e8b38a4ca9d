//! Tests of authentication and of access to businesses' data.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;
use service::CallerRole;

use crate::app::{TestApp, brief, business, execute_request};

const PROTECTED: [(&str, &str); 14] = [
    ("POST", "/v1/execute"),
    ("POST", "/v1/estimate"),
    ("POST", "/v1/tasks"),
    ("GET", "/v1/tasks"),
    ("GET", "/v1/tasks/t"),
    ("DELETE", "/v1/tasks/t"),
    ("GET", "/v1/tasks/t/report"),
    ("POST", "/v1/tasks/t/ticket"),
    ("GET", "/v1/models"),
    ("GET", "/v1/budgets/pro"),
    ("GET", "/v1/usage/pro"),
    ("GET", "/v1/subscriptions/pro"),
    ("POST", "/push/phase-research"),
    ("POST", "/sweep"),
];

#[tokio::test]
async fn no_route_answers_without_a_valid_token() {
    let app = TestApp::new().await;
    let expired = app.signer.sign("tester", Some(&business("pro")), CallerRole::Member, -60);
    let mut forged = app.token("pro");
    forged.truncate(forged.len() - 4);
    forged.push_str("AAAA");
    // {"alg":"none"} .
    // {"sub":"x","exp":9999999999,"aud":"raptorflow","business_id":"pro","role":"admin"} .
    // (no signature)
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiZXhwIjo5OTk5OTk5OTk5LCJhdWQiOiJyYXB0b3JmbG93IiwiYnVzaW5lc3NfaWQiOiJwcm8iLCJyb2xlIjoiYWRtaW4ifQ.";
    let ticket =
        app.auth.ticket(&domain::TaskId::new("t").unwrap(), &business("pro")).await.unwrap();
    for (method, path) in PROTECTED {
        let request = |authorization: Option<String>| {
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .header("content-type", "application/json");
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            request.body(Body::from(execute_request("pro", "x").to_string())).unwrap()
        };
        let bearer = |token: &str| Some(format!("Bearer {token}"));
        for authorization in [
            None,
            Some("Basic abc".into()),
            bearer("abc"),
            bearer(&expired),
            bearer(&forged),
            bearer(none),
            bearer(&ticket),
        ] {
            let answer = app.send(request(authorization.clone())).await;
            assert_eq!(
                answer.status, 401,
                "{method} {path} with {authorization:?}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn health_and_openapi_need_no_token() {
    let app = TestApp::new().await;
    for path in ["/health", "/openapi.json", "/"] {
        assert_eq!(
            app.send(Request::get(path).body(Body::empty()).unwrap()).await.status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn another_businesss_tasks_are_invisible() {
    let app = TestApp::new().await;
    for path in [
        "/v1/budgets/pro",
        "/v1/usage/pro",
        "/v1/limits/pro",
        "/v1/subscriptions/pro",
        "/v1/tasks?business_id=pro",
    ] {
        app.get(path, "other").await.problem(403, "foreign_business");
    }
    app.post("/v1/execute", "other", &execute_request("pro", "x"))
        .await
        .problem(403, "foreign_business");
    app.post("/v1/tasks", "other", &brief("software.json", "pro"))
        .await
        .problem(403, "foreign_business");
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    for path in ["", "/report", "/trace", "/artifacts/evidence"] {
        app.get(&format!("/v1/tasks/{task}{path}"), "other").await.problem(404, "not_found");
    }
    app.delete(&format!("/v1/tasks/{task}"), "other").await.problem(404, "not_found");
    for action in ["ticket", "retry"] {
        app.post(&format!("/v1/tasks/{task}/{action}"), "other", &json!({}))
            .await
            .problem(404, "not_found");
    }
    app.finish("pro", &task).await;
}

#[tokio::test]
async fn members_cannot_change_subscriptions_or_emergency_stops() {
    let app = TestApp::new().await;
    let put = async |path: &str, token: &str, body: &serde_json::Value| {
        app.call(Method::PUT, path, token, None, Some(body)).await
    };
    let subscription = json!({ "tier": "enterprise", "status": "active" });
    put("/v1/subscriptions/pro", &app.token("pro"), &subscription).await.problem(403, "admin_only");
    let stop = json!({ "stopped": true, "reason": "drill" });
    put("/v1/emergency-stop", &app.token("pro"), &stop).await.problem(403, "admin_only");
    app.call(Method::POST, "/sweep", &app.token("pro"), None, None)
        .await
        .problem(403, "service_only");
    put("/v1/subscriptions/pro", &app.admin(), &subscription).await.ok();
    assert_eq!(app.get("/v1/limits/pro", "pro").await.ok()["max_icps"], 9);
}

#[tokio::test]
async fn only_functions_may_spend_a_tasks_grant() {
    let app = TestApp::new().await;
    let request = Request::post("/v1/execute")
        .header("authorization", format!("Bearer {}", app.token("pro")))
        .header("x-raptorflow-task", "some-task")
        .body(Body::from(execute_request("pro", "x").to_string()));
    app.send(request.unwrap()).await.problem(403, "service_only");
}

#[tokio::test]
async fn only_the_bus_may_push() {
    let app = TestApp::new().await;
    for token in
        [app.token("pro"), app.admin(), app.signer.sign("gateway", None, CallerRole::Service, 60)]
    {
        let body = json!({ "message": { "data": "e30=" } });
        app.call(Method::POST, "/push/phase-research", &token, None, Some(&body))
            .await
            .problem(403, "push_only");
    }
}
