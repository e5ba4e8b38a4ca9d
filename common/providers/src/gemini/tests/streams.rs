//! Tests of streams, including broken ones.

use super::*;

const WHOLE: &str = r#"Größe |<12/23>zählt.|<12/30> → stop "Größe zählt." by gemini-2.5-flash, in 12 out 30 reasoning 20"#;

/// Recorded streams, each with its text and outcome.
pub(super) const ROWS: &[(&str, &str)] = &[
    ("gemini/completed.sse", WHOLE),
    ("gemini/finish_alone.sse", WHOLE),
    ("gemini/no_end.sse", "Größe |<12/23>zäh|<12/26> → stream_cut: next model, maybe paid"),
    ("gemini/truncated.sse", "Größe |<12/23> → stream_cut: next model, maybe paid"),
    ("gemini/blocked.sse", r#"<12/0> → safety SAFETY "" by gemini-2.5-flash, in 12 out 0"#),
    (
        "gemini/safety.sse",
        r#"Größe |<12/23> → safety SAFETY "Größe " by gemini-2.5-flash, in 12 out 23 reasoning 20"#,
    ),
    ("gemini/error.sse", "Größe |<12/23> → UNAVAILABLE: retry, maybe paid"),
    ("gemini/no_usage.sse", r#"ok| → stop "ok" by gemini-2.5-flash, usage unknown"#),
    (
        "gemini/search.sse",
        r#"Größe zählt. |<12/3>Häfen wachsen.|<12/10> → stop "Größe zählt. Häfen wachsen." by gemini-2.5-flash, in 12 out 10 searches 1, 0..12 A https://example.org/a, 13..27 A https://example.org/a, 13..27 B https://example.org/b"#,
    ),
    (
        "gemini/tools.sse",
        r#"<12/30> → stop "" by gemini-2.5-flash, in 12 out 30 reasoning 20, r-1_0=find_port{"city":"Rotterdam"}, r-1_1=list{}"#,
    ),
    ("errors/page.html", " → stream_cut: next model, maybe paid"),
    ("errors/empty", " → stream_cut: next model, maybe paid"),
];

#[tokio::test]
async fn every_stream_ends_with_an_answer_or_error() {
    for (fixture, expect) in ROWS {
        let (client, server) = client([RecordedAnswer::fixture(fixture)]).await;
        assert_eq!(&watched(client.stream(&request(MODEL)).await).await, expect, "{fixture}");
        assert_eq!(
            server.asked()[0].path,
            "/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
        );
    }
}
