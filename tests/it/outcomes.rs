//! Every validated step records an outcome, and an operator can fetch all of them for learning.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::http::Method;
use serde_json::Value;
use simulation::{Faults, Simulated};

use crate::app::{Answer, TestApp, brief};

async fn outcomes(app: &TestApp, query: &str) -> Answer {
    app.call(Method::GET, &format!("/v1/routing/outcomes{query}"), &app.admin(), None, None).await
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn each_step_records_its_first_outcome() {
    let app = TestApp::new().await;
    let task = app.submit("enterprise", &brief("software.json", "enterprise")).await;
    app.finish("enterprise", &task).await;
    let all = lines(&outcomes(&app, "").await);
    // Twelve steps, of which the calendar takes three calls.
    assert_eq!(all.len(), 14, "{all:#?}");
    for outcome in &all {
        assert_eq!(outcome["outcome"], "pass", "{outcome}");
        assert!(
            outcome["output_tokens"].as_u64() > outcome["reasoning_tokens"].as_u64(),
            "{outcome}"
        );
    }
    let kinds: BTreeSet<(&str, &str)> = all
        .iter()
        .map(|it| (it["task_type"].as_str().unwrap(), it["role"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    assert!(
        kinds.contains(&("positioning_strategy", "full"))
            && kinds.contains(&("icp_generation", "mini"))
    );
    // The page after a known line; nothing follows the last.
    let behind =
        lines(&outcomes(&app, &format!("?after={}", all[9]["call_id"].as_str().unwrap())).await);
    assert_eq!(behind, all[10..]);
    assert!(
        lines(&outcomes(&app, &format!("?after={}", all[13]["call_id"].as_str().unwrap())).await)
            .is_empty()
    );
    assert!(lines(&outcomes(&app, "?from=2020-01-01&to=2020-12-31").await).is_empty());
}

#[tokio::test]
async fn a_repaired_answer_does_not_count_as_passed() {
    let faults: Faults = "invalid=0.3".parse().unwrap();
    let provider = Arc::new(Simulated::new("openai", Duration::ZERO, 3, faults));
    let app = TestApp::builder().provider(provider).start().await;
    let task = app.submit("enterprise", &brief("software.json", "enterprise")).await;
    app.finish("enterprise", &task).await;
    let all = lines(&outcomes(&app, "").await);
    let count = |outcome: &str| all.iter().filter(|it| it["outcome"] == outcome).count();
    assert!(count("repair") >= 2 && count("pass") >= 6, "{all:#?}");
}

#[tokio::test]
async fn outcomes_are_for_admins_and_anonymous() {
    let app = TestApp::new().await;
    app.get("/v1/routing/outcomes", "pro").await.problem(403, "admin_only");
    outcomes(&app, "?after=nothing").await.problem(404, "not_found");
    outcomes(&app, "?from=yesterday").await.problem(400, "invalid_field");
    let task = app.submit("pro", &brief("software.json", "pro")).await;
    app.finish("pro", &task).await;
    let text = outcomes(&app, "").await.text;
    assert!(!text.is_empty() && !text.contains("\"pro\"") && !text.contains(&task), "{text}");
}
