//! Two revisions with different graphs run side by side, as during a rollout.

use super::Deployment;

const NEXT: &str = "2";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_an_unknown_graph_is_redelivered() {
    // New tasks are pinned to the next version, and all phases but one have been rolled out.
    let local = |function| (function, "APP_MODE", "local");
    let next = |function| (function, "REHEARSE_GRAPH_VERSION", NEXT);
    let secret = |function| (function, "JWT_SECRET", super::deployment::JWT_SECRET);
    let rolled_out = ["tasks", "phase-strategy", "phase-campaign", "phase-analytics"];
    let mut extra = vec![("route-execute", "SIMULATED_LATENCY_MS", "1")];
    for function in rolled_out {
        extra.extend([local(function), next(function), secret(function)]);
    }
    let deployment = Deployment::start(&extra).await;
    deployment.subscribe("acme", "pro").await;
    let (_, new) = deployment
        .another("phase-research", &[("APP_MODE", "local"), ("REHEARSE_GRAPH_VERSION", NEXT)])
        .await;
    let old = deployment.urls["phase-research"].clone();
    deployment.push.routes.lock().unwrap().get_mut("phase-research").unwrap().1.push(new.clone());
    let task = deployment.submit("acme").await;
    let state = deployment.until("acme", &task, |state| state["status"] == "completed").await;
    assert_eq!(state["status"], "completed");
    let deliveries = deployment.push.deliveries.lock().unwrap().clone();
    let of = |url: &str| {
        let to = deliveries.iter().filter(|(topic, at, _)| topic == "phase-research" && at == url);
        to.map(|(_, _, status)| *status).collect::<Vec<_>>()
    };
    assert!(
        of(&old).iter().all(|status| *status == 503),
        "the old revision gives it back: {deliveries:?}"
    );
    assert!(!of(&old).is_empty(), "the old revision was asked: {deliveries:?}");
    assert!(of(&new).contains(&204), "the new one takes it: {deliveries:?}");
}
