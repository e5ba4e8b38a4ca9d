//! Tests of whole answers and of errors.

use ports::ModelProvider as _;

use super::*;
use crate::testing::{request, summary};

/// Recorded answers of the Responses API, each with the expected result.
pub(super) const RESPONSES: &[(&str, &str)] = &[
    (
        "openai/completed.json",
        r#"stop "{\"who\":\"harbour masters\"}" by gpt-5-mini-2025-08-07, in 120 cached 64 out 80 reasoning 52"#,
    ),
    ("openai/incomplete.json", r#"length "" by gpt-5-mini, in 120 out 900 reasoning 900"#),
    (
        "openai/refusal.json",
        r#"refusal "I cannot help with that." "" by gpt-5-mini, in 120 out 12"#,
    ),
    ("openai/no_usage.json", r#"stop "{\"who\":\"nobody\"}" by gpt-5-mini, usage unknown"#),
    (
        "openai/search.json",
        r#"stop "Größe zählt. Häfen wachsen." by gpt-5-mini-2025-08-07, in 900 out 60 searches 2, 13..27 Ports https://example.org/ports, 9..27 Odd https://example.org/odd"#,
    ),
    (
        "openai/two_messages.json",
        r#"stop "Hä. Ja." by gpt-5-mini-2025-08-07, in 10 out 5, 4..6 A https://example.org/a"#,
    ),
    (
        "openai/tools.json",
        r#"stop "" by gpt-5-mini-2025-08-07, in 80 out 40 reasoning 10, call_1=find_port{"city":"Rotterdam"}, call_2=find_port{"city":"Ant"#,
    ),
    ("openai/flex.json", r#"stop "ok" by gpt-5-mini-2025-08-07, in 10 out 5, flex"#),
    (
        "openai/priority_as_fast.json",
        r#"stop "ok" by gpt-5-mini-2025-08-07, in 10 out 5, priority"#,
    ),
    ("openai/auto.json", r#"stop "ok" by gpt-5-mini-2025-08-07, in 10 out 5"#),
    (
        "openai/cache_written.json",
        r#"stop "ok" by gpt-5-mini-2025-08-07, in 2000 cached 500 written 1200 out 5"#,
    ),
    (
        "openai/impossible_usage.json",
        r#"stop "ok" by gpt-5-mini-2025-08-07, in 10 cached 10 out 5 reasoning 5"#,
    ),
    (
        "openai/content_filter.json",
        r#"safety content_filter "half of" by gpt-5-mini-2025-08-07, in 10 out 5"#,
    ),
    (
        "openai/model_json_cut_short.json",
        r#"length "{\"who\":\"harb" by gpt-5-mini-2025-08-07, in 10 out 5"#,
    ),
    ("openai/duplicate_keys.json", r#"stop "last" by m-2, in 2 out 3"#),
    ("openai/failed.json", "server_error: retry, maybe paid"),
    ("openai/failed_rate_limit.json", "rate_limit_exceeded: retry, maybe paid"),
    ("openai/invalid_prompt.json", "invalid_prompt: next model, maybe paid"),
    ("openai/no_text.json", "unreadable_answer: next model, maybe paid"),
    ("openai/no_output.json", "unreadable_answer: next model, maybe paid"),
    ("openai/no_model.json", "unreadable_answer: next model, maybe paid"),
    ("openai/invalid_utf8.json", "unreadable_answer: next model, maybe paid"),
    ("openai/truncated.json", "unreadable_answer: next model, maybe paid"),
    ("openai/in_progress.json", "failed: next model, maybe paid"),
    ("openai/cancelled.json", "failed: next model, maybe paid"),
    ("errors/page.html", "unreadable_answer: next model, maybe paid"),
    ("errors/empty", "unreadable_answer: next model, maybe paid"),
];

/// The same for chat completions.
pub(super) const CHAT: &[(&str, &str)] = &[
    (
        "chat/completed.json",
        r#"stop "{\"who\":\"harbour masters\"}" by llama3.3, in 31 out 12 reasoning 5"#,
    ),
    (
        "chat/tools.json",
        r#"stop "" by llama3.3, in 31 out 12, call_1=find_port{"city":"Rotterdam"}, call_1=find_port{}"#,
    ),
    ("chat/refusal.json", r#"refusal "I cannot help." "" by llama3.3, in 31 out 12"#),
    ("chat/length.json", r#"length "half of" by llama3.3, in 31 out 12"#),
    ("chat/length_without_text.json", r#"length "" by llama3.3, in 31 out 900 reasoning 900"#),
    ("chat/content_filter.json", r#"safety content_filter "" by llama3.3, in 31 out 12"#),
    ("chat/no_usage.json", r#"stop "ok" by llama3.3, usage unknown"#),
    ("chat/bare.json", r#"stop "ok" by llama3.3, usage unknown"#),
    ("chat/cached.json", r#"stop "ok" by llama3.3, in 2000 cached 1500 written 100 out 12"#),
    ("chat/flex.json", r#"stop "ok" by llama3.3, in 31 out 12, flex"#),
    (
        "chat/search.json",
        r#"stop "Häfen wachsen." by llama3.3, in 31 out 12, 0..5 A https://example.org/a"#,
    ),
    ("chat/duplicate_keys.json", r#"stop "last" by m-2, usage unknown"#),
    ("chat/error_behind_success.json", "server_error: retry, maybe paid"),
    ("chat/no_choices.json", "unreadable_answer: next model, maybe paid"),
    ("chat/no_text.json", "unreadable_answer: next model, maybe paid"),
    ("chat/truncated.json", "unreadable_answer: next model, maybe paid"),
    ("errors/page.html", "unreadable_answer: next model, maybe paid"),
    ("errors/empty", "unreadable_answer: next model, maybe paid"),
];

async fn check(api: Api, played: RecordedAnswer, expect: &str, about: &str) {
    let (client, server) = client(api, [played]).await;
    let request = request("gpt-5-mini");
    assert_eq!(summary(&client.generate(&request).await), expect, "{about}");
    let asked = server.asked();
    assert_eq!(asked[0].headers["authorization"], "Bearer sk-test");
    assert_eq!(
        asked[0].path,
        if api == Api::Responses { "/v1/responses" } else { "/v1/chat/completions" }
    );
}

#[tokio::test]
async fn every_answer_is_parsed_or_classified() {
    for (fixture, expect) in RESPONSES {
        check(Api::Responses, RecordedAnswer::fixture(fixture), expect, fixture).await;
    }
    for (fixture, expect) in CHAT {
        check(Api::ChatCompletions, RecordedAnswer::fixture(fixture), expect, fixture).await;
    }
}

/// Status, headers, fixture and expected result.
type Refused = (u16, &'static [(&'static str, &'static str)], &'static str, &'static str);

#[tokio::test]
async fn failures_tell_the_next_action_and_billing() {
    let rows: &[Refused] = &[
        (
            429,
            &[("retry-after", "2")],
            "errors/rate_limit.json",
            "rate_limited: retry after 2000 ms, free",
        ),
        (
            429,
            &[("retry-after-ms", "150")],
            "errors/rate_limit.json",
            "rate_limited: retry after 150 ms, free",
        ),
        (429, &[], "errors/rate_limit.json", "rate_limited: retry, free"),
        (
            429,
            &[("retry-after", "600")],
            "errors/rate_limit.json",
            "rate_limited: next model, free",
        ),
        (429, &[("retry-after", "-1")], "errors/rate_limit.json", "rate_limited: retry, free"),
        (429, &[], "errors/insufficient_quota.json", "insufficient_quota: next model, free"),
        (429, &[], "errors/resource_unavailable.json", "resource_unavailable: retry, free"),
        (400, &[], "errors/invalid_value.json", "invalid_value: stop, free"),
        (400, &[], "errors/page.html", "bad_request: stop, free"),
        (401, &[], "errors/wrong_key.json", "not_authorised: next model, free"),
        (403, &[], "errors/empty", "not_authorised: next model, free"),
        (404, &[], "errors/page.html", "model_not_found: next model, free"),
        (408, &[], "errors/empty", "timeout: retry, maybe paid"),
        (500, &[], "errors/empty", "server_error: retry, maybe paid"),
        (502, &[], "errors/page.html", "server_error: retry, maybe paid"),
        (
            503,
            &[("retry-after", "1")],
            "errors/page.html",
            "unavailable: retry after 1000 ms, free",
        ),
        (504, &[], "errors/empty", "server_error: retry, maybe paid"),
        (302, &[], "errors/empty", "unexpected_status: next model, maybe paid"),
    ];
    for (status, headers, fixture, expect) in rows {
        let played = RecordedAnswer {
            status: *status,
            headers: headers.to_vec(),
            ..RecordedAnswer::fixture(fixture)
        };
        for api in [Api::Responses, Api::ChatCompletions] {
            check(api, played.clone(), expect, &format!("{status} {fixture}")).await;
        }
        let (client, _server) = client(Api::Responses, [played]).await;
        let begun = crate::testing::watched(client.stream(&request("gpt-5-mini")).await).await;
        assert_eq!(&begun, expect, "{status} {fixture}, streamed");
    }
}

#[tokio::test]
async fn a_key_is_never_part_of_a_message() {
    let played = RecordedAnswer { status: 401, ..RecordedAnswer::fixture("errors/wrong_key.json") };
    let (client, _server) = client(Api::Responses, [played]).await;
    let error = client.generate(&request("gpt-5-mini")).await.unwrap_err();
    assert!(!error.message.contains(TEST_KEY), "{}", error.message);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let headers = vec![("location", "/v1/elsewhere")];
    for status in [302, 307, 308] {
        let (client, server) = client(
            Api::Responses,
            [RecordedAnswer { status, headers: headers.clone(), ..RecordedAnswer::ok("") }],
        )
        .await;
        let result = client.generate(&request("gpt-5-mini")).await;
        assert_eq!(summary(&result), "unexpected_status: next model, maybe paid");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_key_may_only_end_with_a_newline() {
    let server = Server::playing([RecordedAnswer::fixture("openai/completed.json")]).await;
    let client = |key| OpenAi::new(&server.url, Api::Responses, Arc::new(KeySource(Some(key))));
    client("sk-test\n").generate(&request("gpt-5-mini")).await.unwrap();
    assert_eq!(server.asked()[0].headers["authorization"], "Bearer sk-test");
    let odd = client("sk-\ntest").generate(&request("gpt-5-mini")).await;
    assert_eq!(summary(&odd), "no_key: next model, free");
}

#[tokio::test]
async fn an_oversized_answer_is_not_read() {
    let text = "x".repeat(17 * 1024 * 1024);
    let part = serde_json::json!([{ "type": "output_text", "text": text }]);
    let huge =
        serde_json::json!({ "model": "m", "output": [{ "type": "message", "content": part }] })
            .to_string();
    check(
        Api::Responses,
        RecordedAnswer::ok(huge),
        "unreadable_answer: next model, maybe paid",
        "huge",
    )
    .await;
}

#[tokio::test]
async fn a_broken_connection_may_have_been_billed() {
    use crate::testing::AfterBody;
    let broken = RecordedAnswer {
        then: AfterBody::Break,
        ..RecordedAnswer::fixture("openai/truncated.json")
    };
    check(Api::Responses, broken, "connection_lost: next model, maybe paid", "broken").await;
    let silent = RecordedAnswer {
        then: AfterBody::Silence,
        ..RecordedAnswer::fixture("openai/truncated.json")
    };
    let (client, _server) = client(Api::Responses, [silent]).await;
    let hasty = ports::ModelRequest {
        timeout: std::time::Duration::from_millis(100),
        ..request("gpt-5-mini")
    };
    assert_eq!(summary(&client.generate(&hasty).await), "timeout: next model, maybe paid");
}
