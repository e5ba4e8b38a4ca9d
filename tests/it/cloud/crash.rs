//! A phase's process is killed in the middle of a step.

use super::{Deployment, analysis::assert_money_is_settled};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_phase_resumes_without_paying_twice() {
    let deployment = Deployment::start(&[("route-execute", "SIMULATED_LATENCY_MS", "400")]).await;
    deployment.subscribe("acme", "enterprise").await;
    let task = deployment.submit("acme").await;
    let path = format!("/v1/tasks/{task}/trace");
    // A call is in progress: the provider is generating, and the phase waits.
    let waiting = async {
        loop {
            let trace = deployment.get("tasks", &path, "acme").await;
            let entries = trace["entries"].as_array().unwrap();
            if entries.iter().any(|entry| entry["kind"] == "call") {
                break;
            }
        }
    };
    tokio::time::timeout(super::deployment::PATIENCE, waiting).await.unwrap();
    deployment.kill("phase-research").await;
    deployment.spawn("phase-research");
    deployment.until_healthy("phase-research").await;
    let state = deployment
        .until("acme", &task, |state| state["status"] != "running" && state["status"] != "queued")
        .await;
    assert_eq!(state["status"], "completed", "{state}");
    deployment.sweep().await;
    assert_money_is_settled(&deployment, "acme", &[&task]).await;
}
