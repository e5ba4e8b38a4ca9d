//! The cost of a call to the nano-dollar, for every way it can end. `providers` tests how the
//! providers' own figures become usage, with recorded answers.

use std::sync::Arc;

use domain::{catalog::ServiceTier, usage::Usage};
use ports::{Billing, Finish, ModelAnswer, NextMove, Piece};
use serde_json::{Value, json};
use testkit::{Beat, ScriptedProvider, answer, failure};

use crate::app::{TestApp, execute_request};

/// The cost in nano-dollars of a call that ends as scripted, with at most 6,000 output tokens.
async fn cost(script: ScriptedProvider, model: &str, is_streamed: bool) -> i64 {
    let app = TestApp::builder().only(Arc::new(script)).start().await;
    let mut request = execute_request("enterprise", "x");
    (request["model"], request["stream"], request["max_output_tokens"]) =
        (model.into(), is_streamed.into(), 6_000.into());
    app.post("/v1/execute", "enterprise", &request).await;
    let usage = app
        .get("/v1/usage/enterprise?from=2026-11-22&to=2026-11-22&group_by=model", "enterprise")
        .await
        .ok();
    nano(&usage["total"]["cost_usd"])
}

/// Parsed from the number's text, because a float would be rounded before the comparison.
fn nano(usd: &Value) -> i64 {
    usd.to_string().parse::<domain::NanoUsd>().unwrap().0
}

#[tokio::test]
async fn every_way_a_call_ends_has_its_exact_cost() {
    let plain = Usage::of(10_000, 1_000);
    let cases: [(&str, &str, Usage, ServiceTier, i64); 11] = [
        // Nano-dollars are tokens times the price per token in nano-dollars: 250 and 2,000 for
        // GPT-5 Mini.
        ("plain", "gpt-5-mini", plain, ServiceTier::Standard, 10_000 * 250 + 1_000 * 2_000),
        (
            "cached",
            "gpt-5-mini",
            Usage { cached_input: 8_000, ..plain },
            ServiceTier::Standard,
            2_000 * 250 + 8_000 * 25 + 2_000_000,
        ),
        // Reasoning is included in the output and not added again.
        (
            "reasoning",
            "gpt-5-mini",
            Usage { reasoning: 900, ..plain },
            ServiceTier::Standard,
            2_500_000 + 2_000_000,
        ),
        (
            "searched",
            "gpt-5-mini",
            Usage { searches: 2, ..plain },
            ServiceTier::Standard,
            4_500_000 + 2 * 10_000_000,
        ),
        ("flex", "gpt-5-mini", plain, ServiceTier::Flex, 4_500_000 / 2),
        ("priority", "gpt-5-mini", plain, ServiceTier::Priority, 10_000 * 450 + 1_000 * 3_600),
        ("gemini", "gemini-2.5-flash", plain, ServiceTier::Standard, 10_000 * 300 + 1_000 * 2_500),
        (
            "gemini cached",
            "gemini-2.5-flash",
            Usage { cached_input: 8_000, ..plain },
            ServiceTier::Standard,
            2_000 * 300 + 8_000 * 30 + 2_500_000,
        ),
        (
            "gemini thoughts",
            "gemini-2.5-flash",
            Usage { reasoning: 600, ..plain },
            ServiceTier::Standard,
            3_000_000 + 2_500_000,
        ),
        // The whole request is priced in the long-context band.
        (
            "long",
            "gemini-2.5-pro",
            Usage::of(300_000, 1_000),
            ServiceTier::Standard,
            300_000 * 2_500 + 1_000 * 15_000,
        ),
        (
            "not long",
            "gemini-2.5-pro",
            Usage::of(200_000, 1_000),
            ServiceTier::Standard,
            200_000 * 1_250 + 1_000 * 10_000,
        ),
    ];
    for (name, model, usage, service_tier, expect) in cases {
        let provider = if model.starts_with("gemini") { "gemini" } else { "openai" };
        for finish in [
            Finish::Stop,
            Finish::Length,
            Finish::Refusal("no".into()),
            Finish::Safety("blocked".into()),
        ] {
            let served = ModelAnswer {
                usage: Some(usage),
                service_tier,
                finish: finish.clone(),
                ..answer(model, "words")
            };
            let whole = ScriptedProvider::new(provider).then(served.clone());
            assert_eq!(cost(whole, model, false).await, expect, "{name}, whole, {finish:?}");
            let beats = [Beat::text("wo"), Beat::text("rds"), Beat::answer(served)];
            let streamed = ScriptedProvider::new(provider).then_stream(beats);
            assert_eq!(cost(streamed, model, true).await, expect, "{name}, streamed, {finish:?}");
        }
    }
}

#[tokio::test]
async fn an_unmetered_attempt_costs_its_bound() {
    // One byte of text, sixteen for its frame, and 6,000 tokens of output.
    let bound = 17 * 250 + 6_000 * 2_000;
    let openai = || ScriptedProvider::new("openai");
    let without_usage = ModelAnswer { usage: None, ..answer("gpt-5-mini", "words") };
    assert_eq!(cost(openai().then(without_usage), "gpt-5-mini", false).await, bound);
    assert_eq!(
        cost(openai().then(answer("gpt-99", "words")), "gpt-5-mini", false).await,
        bound,
        "no price"
    );
    let lost = |billing| failure("connection_lost", NextMove::Stop, billing);
    assert_eq!(cost(openai().then_fail(lost(Billing::Unknown)), "gpt-5-mini", false).await, bound);
    assert_eq!(cost(openai().then_fail(lost(Billing::None)), "gpt-5-mini", false).await, 0);
    let cut = [
        Beat::text("wo"),
        Beat::Piece(Piece::Usage(Usage::of(17, 2))),
        Beat::Fail(lost(Billing::Unknown)),
    ];
    assert_eq!(
        cost(openai().then_stream(cut), "gpt-5-mini", true).await,
        bound,
        "more may have come than was seen"
    );
    // Another model of the catalogue served: its price applies.
    let other =
        ModelAnswer { usage: Some(Usage::of(10, 10)), ..answer("gpt-5-2025-08-07", "words") };
    assert_eq!(cost(openai().then(other), "gpt-5-mini", false).await, 10 * 1_250 + 10 * 10_000);
}

#[tokio::test]
async fn a_model_without_a_price_is_refused() {
    let app = TestApp::new().await;
    let mut request = execute_request("enterprise", "x");
    request["model"] = "gpt-99".into();
    app.post("/v1/execute", "enterprise", &request).await.problem(400, "unknown_model");
    let chat = json!({ "model": "gpt-99", "messages": [{ "role": "user", "content": "x" }] });
    assert_eq!(app.post("/v1/chat/completions", "enterprise", &chat).await.status, 400);
    assert_eq!(app.budget("enterprise").await["today_spent"], 0.0);
}
