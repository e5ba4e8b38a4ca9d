//! Tests of access control on the running deployment.

use reqwest::Method;
use serde_json::json;

use super::{
    Deployment,
    deployment::audience,
    google::{self, account, id_token},
};

#[tokio::test(flavor = "multi_thread")]
async fn only_named_accounts_may_push_or_call() {
    let deployment = Deployment::start(&[]).await;
    let envelope = json!({ "message": { "data": "eyJ0YXNrX2lkIjoidDEiLCJwaGFzZV9zZXEiOjF9" } });
    for (name, function) in deployment.topology.services() {
        for topic in &function.listens {
            let push = async |token: &str| {
                let path = format!("/push/{topic}");
                deployment.call(Method::POST, name, &path, token, Some(&envelope)).await.0
            };
            let push_account = account("push");
            assert_eq!(push("").await, 401, "{name}: no token");
            assert_eq!(push(&deployment.token("acme")).await, 401, "{name}: a client's token");
            assert_eq!(
                push(&id_token(&push_account, &audience(name), -10)).await,
                401,
                "{name}: expired"
            );
            assert_eq!(
                push(&id_token(&push_account, &audience("tasks"), 60)).await,
                401,
                "{name}: another audience"
            );
            assert_eq!(
                push(&id_token(&account("tasks"), &audience(name), 60)).await,
                403,
                "{name}: another account"
            );
            // The task does not exist: the message is accepted and does nothing.
            let accepted = push(&id_token(&push_account, &audience(name), 60)).await;
            assert!(accepted == 204 || accepted == 404, "{name}: {accepted}");
        }
    }
    let sweep = async |token: String| {
        deployment.call(Method::POST, "sweeper", "/sweep", &token, None).await.0
    };
    assert_eq!(sweep(id_token(&account("scheduler"), &audience("sweeper"), 60)).await, 200);
    assert_eq!(sweep(id_token(&account("push"), &audience("sweeper"), 60)).await, 403);
    assert_eq!(sweep(deployment.token("acme")).await, 403);

    deployment.subscribe("acme", "pro").await;
    let request = crate::app::execute_request("acme", "a sentence");
    let execute = async |token: String| {
        deployment
            .call(Method::POST, "route-execute", "/v1/execute", &token, Some(&request))
            .await
            .0
    };
    for (name, function) in deployment.topology.services() {
        let expected =
            if function.calls.iter().any(|called| called == "route-execute") { 200 } else { 403 };
        assert_eq!(
            execute(id_token(&account(name), &audience("route-execute"), 60)).await,
            expected,
            "{name}"
        );
    }
    assert_eq!(execute(deployment.token("acme")).await, 200);
    assert_eq!(execute(deployment.token("globex")).await, 403);

    another_business_sees_and_changes_nothing(&deployment).await;
    clients_may_be_signed_in_elsewhere(&deployment).await;
}

/// Every function that serves clients checks the business of the token.
async fn another_business_sees_and_changes_nothing(deployment: &Deployment) {
    let task = deployment.submit("acme").await;
    let brief = crate::app::brief("software.json", "acme");
    let call =
        json!({ "business_id": "acme", "task_type": "sentence_summary", "input_length": 100 });
    let item = json!({ "business_id": "acme", "items": [{ "id": "a", "text": "a note" }] });
    let document = json!({ "business_id": "acme", "title": "t", "content_type": "text/plain", "text": "a note" });
    let search = json!({ "business_id": "acme", "query": "a note" });
    for (method, function, path, body, expected) in [
        (Method::POST, "estimate", "/v1/estimate".into(), Some(&call), 403),
        (Method::GET, "budget-check", "/v1/budgets/acme".into(), None, 403),
        (Method::GET, "budget-check", "/v1/usage/acme".into(), None, 403),
        (Method::POST, "tasks", "/v1/tasks".into(), Some(&brief), 403),
        (Method::GET, "tasks", format!("/v1/tasks/{task}"), None, 404),
        (Method::GET, "tasks", format!("/v1/tasks/{task}/trace"), None, 404),
        (Method::DELETE, "tasks", format!("/v1/tasks/{task}"), None, 404),
        (Method::POST, "tasks", format!("/v1/tasks/{task}/ticket"), None, 404),
        (Method::POST, "vector-upsert", "/v1/vectors/upsert".into(), Some(&item), 403),
        (Method::POST, "vector-upsert", "/v1/documents".into(), Some(&document), 403),
        (Method::POST, "vector-search", "/v1/vectors/search".into(), Some(&search), 403),
        (Method::GET, "ws-relay", format!("/sse/task/{task}"), None, 404),
    ] {
        let token = deployment.token("globex");
        let (status, answer) = deployment.call(method, function, &path, &token, body).await;
        assert_eq!(status, expected, "{function} {path}: {answer}");
    }
}

/// With `AUTH_JWKS_URL` only tokens of that issuer are accepted from clients.
async fn clients_may_be_signed_in_elsewhere(deployment: &Deployment) {
    let keys = format!("http://{}/certs", google::serve(google::keys()).await);
    let (_, url) = deployment.another("budget-check", &[("AUTH_JWKS_URL", keys.as_str())]).await;
    let status = async |token: String| {
        let request = deployment.client.get(format!("{url}/v1/budgets/acme")).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(google::client_token("acme")).await, 200);
    assert_eq!(status(google::client_token("globex")).await, 403);
    assert_eq!(
        status(deployment.token("acme")).await,
        401,
        "signed with a secret, not with the issuer's key"
    );
}
