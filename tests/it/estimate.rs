//! Compares the actual cost of random analyses with their estimates.

use std::{ops::Range, sync::Arc};

use serde_json::{Value, json};
use testkit::MemoryDocuments;

use crate::{
    app::{TestApp, brief},
    random_brief::{Dice, random_brief},
};

/// Tiers with the most profiles of each.
const TIERS: [(&str, u64); 3] = [("basic", 3), ("pro", 6), ("enterprise", 9)];

/// The estimate and the actual cost of one analysis.
struct Outcome {
    tier: &'static str,
    low: f64,
    expected: f64,
    high: f64,
    actual: f64,
}

async fn estimate(app: &TestApp, of: &str, input: &Value) -> Value {
    let request = json!({ "business_id": of, "workflow": "marketing_analysis", "input": input });
    app.post("/v1/estimate", of, &request).await.ok()
}

async fn run(app: &TestApp, tier: &'static str, brief: &Value) -> Outcome {
    let cost = &estimate(app, tier, brief).await["cost_usd"];
    let task = app.submit(tier, brief).await;
    app.finish(tier, &task).await;
    let state = app.get(&format!("/v1/tasks/{task}"), tier).await.ok();
    assert_eq!(state["status"], "completed", "{state}");
    let usd = |value: &Value| value.as_f64().unwrap();
    let (low, expected, high) = (usd(&cost["low"]), usd(&cost["expected"]), usd(&cost["high"]));
    Outcome { tier, low, expected, high, actual: usd(&state["cost_usd"]) }
}

/// Analyses per system: the in-memory store scans all its documents, and a day's budget is soon
/// spent.
const BATCH: u64 = 18;

/// Runs analyses of random briefs, tiers and profile counts, the tiers in parallel.
async fn outcomes(seeds: Range<u64>) -> Vec<Outcome> {
    let app = TestApp::builder().documents(Arc::new(MemoryDocuments::new())).start().await;
    let of_tier = async |place: u64| {
        let (tier, most) = TIERS[usize::try_from(place).unwrap()];
        let mut outcomes = Vec::new();
        for seed in seeds.clone().filter(|seed| seed % 3 == place) {
            let mut dice = Dice::new(seed);
            let mut brief = random_brief(&mut dice, tier);
            brief["icp_count"] = dice.between(3, most).into();
            outcomes.push(run(&app, tier, &brief).await);
        }
        outcomes
    };
    let (basic, pro, enterprise) = tokio::join!(of_tier(0), of_tier(1), of_tier(2));
    basic.into_iter().chain(pro).chain(enterprise).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred outcomes")]
fn check(outcomes: &[Outcome]) {
    let inside = outcomes.iter().filter(|it| it.low <= it.actual && it.actual <= it.high).count();
    assert!(
        inside * 100 >= outcomes.len() * 95,
        "{inside} of {} within low and high",
        outcomes.len()
    );
    for tiers in [&["basic", "pro", "enterprise"][..], &["basic"], &["pro"], &["enterprise"]] {
        let of = || outcomes.iter().filter(|it| tiers.contains(&it.tier));
        let mean = of().map(|it| it.expected / it.actual).sum::<f64>() / of().count() as f64;
        assert!(
            (mean - 1.0).abs() <= 0.15,
            "{tiers:?}: expected is {mean:.3} of the actual cost in the mean"
        );
    }
}

/// One batch in every test run; `make estimates` runs two hundred analyses, which take minutes.
#[tokio::test(flavor = "multi_thread")]
async fn analyses_cost_what_was_estimated() {
    let analyses = std::env::var_os("ESTIMATED_ANALYSES")
        .map_or(BATCH, |it| it.to_str().unwrap().parse().unwrap());
    let mut all = Vec::new();
    for first in (0..analyses).step_by(usize::try_from(BATCH).unwrap()) {
        all.extend(outcomes(first..(first + BATCH).min(analyses)).await);
    }
    check(&all);
}

#[tokio::test]
async fn every_estimated_step_explains_its_model_and_cost() {
    let app = TestApp::new().await;
    let mut input = brief("software.json", "enterprise");
    let mut expected = Vec::new();
    for icps in [3, 9] {
        input["icp_count"] = icps.into();
        let plan = estimate(&app, "enterprise", &input).await;
        let steps = plan["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 12, "{plan}");
        for step in steps {
            let tokens = |name: &str| step[name].as_u64().unwrap();
            assert!(tokens("input_tokens") > 500 && tokens("output_tokens") > 300, "{step}");
            let usd = |name: &str| step["cost_usd"][name].as_f64().unwrap();
            assert!(
                0.0 < usd("low") && usd("low") < usd("expected") && usd("expected") < usd("high"),
                "{step}"
            );
            assert!(
                !step["reason"].as_str().unwrap().is_empty() && step["model"].is_string(),
                "{step}"
            );
        }
        expected.push(plan["cost_usd"]["expected"].as_f64().unwrap());
    }
    assert!(expected[1] > expected[0] * 1.1, "{expected:?}");
    input["icp_count"] = 10.into();
    let request =
        json!({ "business_id": "enterprise", "workflow": "marketing_analysis", "input": input });
    app.post("/v1/estimate", "enterprise", &request).await.problem(400, "invalid_field");
}
