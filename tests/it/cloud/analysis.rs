//! Whole analyses on separate processes.

use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use super::{Deployment, deployment::PATIENCE};

/// Every stored event of a task, received through `ws-relay` until it closes the socket.
async fn watch(deployment: &Deployment, business: &str, task: &str) -> Vec<Value> {
    let path = format!("/v1/tasks/{task}/ticket");
    let (_, ticket) =
        deployment.call(Method::POST, "tasks", &path, &deployment.token(business), None).await;
    let url = format!("{}/ws/task/{task}", deployment.urls["ws-relay"].replace("http", "ws"));
    let mut request = url.into_client_request().unwrap();
    let protocol = format!("raptorflow, ticket.{}", ticket["ticket"].as_str().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
    let mut events = Vec::new();
    let follow = async {
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(text) => events.push(serde_json::from_str::<Value>(&text).unwrap()),
                Message::Close(frame) => assert_eq!(u16::from(frame.unwrap().code), 1000),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, follow).await.unwrap();
    assert_eq!(events[0]["event"], "hello");
    assert!(events.iter().any(|event| event["event"] == "pong"));
    events.retain(|event| {
        event["seq"].as_u64().is_some()
            && !["hello", "pong", "heartbeat"].contains(&event["event"].as_str().unwrap())
    });
    events
}

/// Asserts that the charges explain the budget's spending, nothing was paid twice, and nothing
/// stays reserved.
pub(crate) async fn assert_money_is_settled(
    deployment: &Deployment,
    business: &str,
    tasks: &[&str],
) {
    let mut charged = 0.0;
    for task in tasks {
        let trace = deployment.get("tasks", &format!("/v1/tasks/{task}/trace"), business).await;
        for call in
            trace["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "call")
        {
            charged += call["cost_usd"].as_f64().unwrap();
            let attempts = call["attempts"].as_array().map_or(0, Vec::len);
            assert!(attempts <= 1, "paid twice: {call}");
        }
    }
    let budget = deployment.get("budget-check", &format!("/v1/budgets/{business}"), business).await;
    let spent = budget["today_spent"].as_f64().unwrap();
    assert!((spent - charged).abs() < 1e-9, "spent {spent}, the calls explain {charged}");
    assert_eq!(budget["today_reserved"], json!(0.0));
    assert!(spent > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_businesses_run_whole_analyses_at_once() {
    let deployment = Deployment::start(&[("route-execute", "SIMULATED_LATENCY_MS", "5")]).await;
    deployment.subscribe("acme", "enterprise").await;
    deployment.subscribe("globex", "pro").await;
    let stored = deployment.store_document("globex").await;
    let tasks = [deployment.submit("acme").await, deployment.submit("globex").await];
    let watched = tokio::join!(
        watch(&deployment, "acme", &tasks[0]),
        watch(&deployment, "globex", &tasks[1])
    );
    for (events, (business, task)) in
        [watched.0, watched.1].iter().zip([("acme", &tasks[0]), ("globex", &tasks[1])])
    {
        let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(
            numbers,
            (1..=numbers.len() as u64).collect::<Vec<_>>(),
            "gaps or repeats in {task}"
        );
        assert_eq!(events.last().unwrap()["event"], "task_completed");
        let state = deployment.until(business, task, |state| state["status"] == "completed").await;
        assert_eq!(
            state["percent"].as_u64().or(state["percent_complete"].as_u64()),
            Some(100),
            "{state}"
        );
        let report = deployment
            .get("tasks", &format!("/v1/tasks/{task}/report?format=json"), business)
            .await;
        assert_eq!(
            report["artifacts"].as_object().unwrap().len(),
            marketing::artefact::Kind::ALL.len()
        );
        deployment.sweep().await;
    }
    assert_money_is_settled(&deployment, "acme", &[&tasks[0]]).await;
    // Research found the document in `globex`'s knowledge base through `vector-search`.
    let evidence = deployment
        .get("tasks", &format!("/v1/tasks/{}/artifacts/evidence", tasks[1]), "globex")
        .await;
    let sources = evidence["sources"].as_array().unwrap();
    assert!(
        sources.iter().any(|source| source["document_id"] == stored["document_id"]),
        "{evidence}"
    );
    // Each function reads its own secrets and requests no other.
    assert_eq!(*deployment.secrets.refused.lock().unwrap(), Vec::<String>::new());
    stay_up(&deployment).await;
}

/// `make cloud` leaves the deployment running for inspection.
async fn stay_up(deployment: &Deployment) {
    #[expect(clippy::disallowed_methods, reason = "`make cloud` requests it")]
    let asked = std::env::var("CLOUD_STAYS_UP").is_ok();
    if asked {
        #[expect(clippy::print_stdout, reason = "for the caller")]
        {
            for (name, url) in &deployment.urls {
                println!("{name:20} {url}");
            }
            println!(
                "a token for the business acme: {}\nEnd with Ctrl-C.",
                deployment.token("acme")
            );
        }
        std::future::pending::<()>().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_during_a_provider_call() {
    let deployment = Deployment::start(&[("route-execute", "SIMULATED_LATENCY_MS", "20000")]).await;
    deployment.subscribe("acme", "pro").await;
    let task = deployment.submit("acme").await;
    let calls = |state: &Value| {
        state["percent_complete"].as_u64().is_some() && state["status"] == "running"
    };
    deployment.until("acme", &task, calls).await;
    let called = async {
        while !deployment.get("tasks", &format!("/v1/tasks/{task}/trace"), "acme").await["entries"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["kind"] == "call")
        {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, called).await.unwrap();
    let path = format!("/v1/tasks/{task}");
    let (status, _) =
        deployment.call(Method::DELETE, "tasks", &path, &deployment.token("acme"), None).await;
    assert_eq!(status, 202);
    let state = deployment.until("acme", &task, |state| state["status"] == "cancelled").await;
    assert_eq!(state["status"], "cancelled");
    // The provider call is dropped and what it may have cost is booked; nothing stays reserved.
    let released = async {
        while deployment.get("budget-check", "/v1/budgets/acme", "acme").await["today_reserved"]
            != json!(0.0)
        {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            deployment.sweep().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), released)
        .await
        .expect("the hold is released at once");
}
