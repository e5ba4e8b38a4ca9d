//! Who may call what, on the running deployment.

use reqwest::Method;
use serde_json::json;

use super::{
    Deployment,
    deployment::audience,
    google::{account, id_token},
};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_push_account_may_push_and_only_named_functions_may_call() {
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
            assert_eq!(push(&id_token(&push_account, &audience(name), -10)).await, 401, "{name}: expired");
            assert_eq!(push(&id_token(&push_account, &audience("tasks"), 60)).await, 401, "{name}: another audience");
            assert_eq!(push(&id_token(&account("tasks"), &audience(name), 60)).await, 403, "{name}: another account");
            // The task does not exist: understood, and nothing to do.
            let accepted = push(&id_token(&push_account, &audience(name), 60)).await;
            assert!(accepted == 204 || accepted == 404, "{name}: {accepted}");
        }
    }
    let sweep = async |token: String| deployment.call(Method::POST, "sweeper", "/sweep", &token, None).await.0;
    assert_eq!(sweep(id_token(&account("scheduler"), &audience("sweeper"), 60)).await, 200);
    assert_eq!(sweep(id_token(&account("push"), &audience("sweeper"), 60)).await, 403);
    assert_eq!(sweep(deployment.token("acme")).await, 403);

    deployment.subscribe("acme", "pro").await;
    let request = crate::app::execute_request("acme", "a sentence");
    let execute = async |token: String| {
        deployment.call(Method::POST, "route-execute", "/v1/execute", &token, Some(&request)).await.0
    };
    for (name, function) in deployment.topology.services() {
        let expected = if function.calls.iter().any(|called| called == "route-execute") { 200 } else { 403 };
        assert_eq!(execute(id_token(&account(name), &audience("route-execute"), 60)).await, expected, "{name}");
    }
    assert_eq!(execute(deployment.token("acme")).await, 200);
    assert_eq!(execute(deployment.token("globex")).await, 403);
}
