//! Tests of whole answers and of errors.

use super::*;

/// Recorded answers, each with the expected result.
pub(super) const ROWS: &[(&str, &str)] = &[
    (
        "gemini/completed.json",
        r#"stop "{\"who\":\"harbour masters\"}" by gemini-2.5-flash, in 12 out 30 reasoning 20"#,
    ),
    (
        "gemini/thoughts.json",
        r#"stop "Größe zählt." by gemini-2.5-flash, in 12 out 30 reasoning 20"#,
    ),
    ("gemini/cached.json", r#"stop "ok" by gemini-2.5-flash, in 2000 cached 1500 out 10"#),
    ("gemini/other_model.json", r#"stop "ok" by gemini-3.5-flash-lite, in 12 out 30 reasoning 20"#),
    ("gemini/tool_use_tokens.json", r#"stop "ok" by gemini-2.5-flash, in 712 out 15 reasoning 5"#),
    ("gemini/unnamed_output.json", r#"stop "ok" by gemini-2.5-flash, in 10 out 30"#),
    ("gemini/no_total.json", r#"stop "ok" by gemini-2.5-flash, in 10 out 12 reasoning 7"#),
    ("gemini/no_usage.json", r#"stop "ok" by gemini-2.5-flash, usage unknown"#),
    ("gemini/length.json", r#"length "half of" by gemini-2.5-flash, in 12 out 30 reasoning 20"#),
    (
        "gemini/length_without_parts.json",
        r#"length "" by gemini-2.5-flash, in 12 out 900 reasoning 900"#,
    ),
    (
        "gemini/model_json_cut_short.json",
        r#"length "{\"who\":\"harb" by gemini-2.5-flash, in 12 out 30 reasoning 20"#,
    ),
    (
        "gemini/blocked_prompt.json",
        r#"safety PROHIBITED_CONTENT "" by gemini-2.5-flash, in 12 out 0"#,
    ),
    ("gemini/safety.json", r#"safety SAFETY "" by gemini-2.5-flash, in 12 out 0"#),
    ("gemini/recitation.json", r#"safety RECITATION "" by gemini-2.5-flash, in 12 out 0"#),
    (
        "gemini/prohibited_content.json",
        r#"safety PROHIBITED_CONTENT "" by gemini-2.5-flash, in 12 out 0"#,
    ),
    ("gemini/spii.json", r#"safety SPII "" by gemini-2.5-flash, in 12 out 0"#),
    ("gemini/blocklist.json", r#"safety BLOCKLIST "" by gemini-2.5-flash, in 12 out 0"#),
    ("gemini/malformed_call.json", "malformed_function_call: next model, maybe paid"),
    ("gemini/other.json", "other: next model, maybe paid"),
    ("gemini/no_parts.json", "unreadable_answer: next model, maybe paid"),
    ("gemini/no_candidates.json", "unreadable_answer: next model, maybe paid"),
    ("gemini/no_model.json", "unreadable_answer: next model, maybe paid"),
    ("gemini/no_finish.json", r#"stop "ok" by gemini-2.5-flash, in 12 out 30 reasoning 20"#),
    (
        "gemini/tools.json",
        r#"stop "" by gemini-2.5-flash, in 12 out 30 reasoning 20, r-1_0=find_port{"city":"Rotterdam"}, own=list{}"#,
    ),
    ("gemini/flex.json", r#"stop "ok" by gemini-2.5-flash, in 12 out 10, flex"#),
    ("gemini/priority.json", r#"stop "ok" by gemini-2.5-flash, in 12 out 10, priority"#),
    (
        "gemini/search.json",
        r#"stop "Größe zählt. Häfen wachsen." by gemini-2.5-flash, in 102 out 10 searches 1, 0..12 A https://example.org/a, 13..27 A https://example.org/a, 13..27 B https://example.org/b"#,
    ),
    (
        "gemini/search_third_generation.json",
        r#"stop "Größe zählt. Häfen wachsen." by gemini-3.8-flash, in 12 out 30 reasoning 20 searches 2, 0..12 A https://example.org/a, 13..27 A https://example.org/a, 13..27 B https://example.org/b"#,
    ),
    (
        "gemini/search_unsupported.json",
        r#"stop "Größe zählt. Häfen wachsen." by gemini-2.5-flash, in 12 out 30 reasoning 20, 0..0 A https://example.org/a, 0..0 B https://example.org/b"#,
    ),
    ("gemini/duplicate_keys.json", r#"stop "last" by m-2, usage unknown"#),
    ("gemini/invalid_utf8.json", "unreadable_answer: next model, maybe paid"),
    ("gemini/truncated.json", "unreadable_answer: next model, maybe paid"),
    ("errors/page.html", "unreadable_answer: next model, maybe paid"),
    ("errors/empty", "unreadable_answer: next model, maybe paid"),
];

#[tokio::test]
async fn every_answer_is_parsed_or_classified() {
    for (fixture, expect) in ROWS {
        let (client, _server) = client([RecordedAnswer::fixture(fixture)]).await;
        assert_eq!(&summary(&client.generate(&request(MODEL)).await), expect, "{fixture}");
    }
}

/// Status, headers, fixture and expected result.
type Refused = (u16, &'static [(&'static str, &'static str)], &'static str, &'static str);

#[tokio::test]
async fn failures_tell_the_next_action_and_billing() {
    let rows: &[Refused] = &[
        (429, &[], "errors/resource_exhausted.json", "rate_limited: retry after 2500 ms, free"),
        (
            429,
            &[("retry-after", "1")],
            "errors/resource_exhausted.json",
            "rate_limited: retry after 1000 ms, free",
        ),
        (429, &[], "errors/resource_exhausted_for_long.json", "rate_limited: next model, free"),
        (429, &[], "errors/empty", "rate_limited: retry, free"),
        (400, &[], "errors/invalid_argument.json", "INVALID_ARGUMENT: stop, free"),
        (400, &[], "errors/failed_precondition.json", "failed_precondition: next model, free"),
        (400, &[], "errors/api_key_invalid.json", "not_authorised: next model, free"),
        (401, &[], "errors/empty", "not_authorised: next model, free"),
        (403, &[], "errors/page.html", "not_authorised: next model, free"),
        (404, &[], "errors/not_found.json", "model_not_found: next model, free"),
        (500, &[], "errors/page.html", "server_error: retry, maybe paid"),
        (503, &[], "errors/unavailable.json", "unavailable: retry, free"),
        (504, &[], "errors/deadline.json", "server_error: retry, maybe paid"),
    ];
    for (status, headers, fixture, expect) in rows {
        let played = RecordedAnswer {
            status: *status,
            headers: headers.to_vec(),
            ..RecordedAnswer::fixture(fixture)
        };
        let (client, _server) = client([played]).await;
        assert_eq!(&summary(&client.generate(&request(MODEL)).await), expect, "{status} {fixture}");
        assert_eq!(
            &watched(client.stream(&request(MODEL)).await).await,
            expect,
            "{status} {fixture}, streamed"
        );
    }
}

#[tokio::test]
async fn the_service_tier_may_be_in_a_header() {
    let headers = vec![("x-gemini-service-tier", "flex")];
    let (client, server) =
        client([RecordedAnswer { headers, ..RecordedAnswer::fixture("gemini/completed.json") }])
            .await;
    let flex = domain::catalog::ServiceTier::Flex;
    let request = ports::ModelRequest { service_tier: flex, ..request(MODEL) };
    assert_eq!(client.generate(&request).await.unwrap().service_tier, flex);
    assert_eq!(server.asked()[0].body["service_tier"], "flex");
    assert!(watched(client.stream(&request).await).await.contains("stream_cut"));
}

#[tokio::test]
async fn an_oversized_answer_is_not_read() {
    let text = "x".repeat(17 * 1024 * 1024);
    let parts = serde_json::json!([{ "text": text }]);
    let huge =
        serde_json::json!({ "modelVersion": "m", "candidates": [{ "content": { "parts": parts } }] }).to_string();
    let (client, _server) = client([RecordedAnswer::ok(huge)]).await;
    assert_eq!(
        summary(&client.generate(&request(MODEL)).await),
        "unreadable_answer: next model, maybe paid"
    );
}
