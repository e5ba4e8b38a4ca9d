//! Tests of streams, including broken ones.

use std::time::Duration;

use ports::{ModelProvider as _, ModelRequest};

use super::*;
use crate::testing::{AfterBody, fixture, request, watched};

const WHOLE: &str =
    r#"Größe |zählt|.| → stop "Größe zählt." by gpt-5-mini-2025-08-07, in 12 out 30 reasoning 20"#;
const CUT: &str = "Größe |zählt|.| → stream_cut: next model, maybe paid";

/// Recorded streams of the Responses API, each with its text and outcome.
pub(super) const RESPONSES: &[(&str, &str)] = &[
    ("openai/completed.sse", WHOLE),
    ("openai/completed_crlf.sse", WHOLE),
    ("openai/no_last_newline.sse", WHOLE),
    ("openai/truncated.sse", CUT),
    ("openai/no_end.sse", CUT),
    ("openai/done_without_end.sse", CUT),
    (
        "openai/incomplete.sse",
        r#"Größe |zählt|.| → length "Größe zählt." by gpt-5-mini-2025-08-07, in 12 out 900 reasoning 800"#,
    ),
    ("openai/failed.sse", "Größe |zählt|.| → server_error: retry, maybe paid"),
    ("openai/error.sse", " → rate_limit_exceeded: retry, maybe paid"),
    ("openai/error_object.sse", " → server_error: retry, maybe paid"),
    (
        "openai/refusal.sse",
        r#"no: I cannot| → refusal "I cannot." "" by gpt-5-mini-2025-08-07, in 12 out 3"#,
    ),
    (
        "openai/tools.sse",
        r#" → stop "" by gpt-5-mini-2025-08-07, in 12 out 9, call_1=find_port{"city":"Rotterdam"}"#,
    ),
    (
        "openai/no_usage.sse",
        r#"Größe |zählt|.| → stop "Größe zählt." by gpt-5-mini-2025-08-07, usage unknown"#,
    ),
    ("openai/not_json.sse", "Größe |zählt|.| → unreadable_answer: next model, maybe paid"),
    ("openai/invalid_utf8.sse", " → unreadable_answer: next model, maybe paid"),
    ("errors/page.html", " → stream_cut: next model, maybe paid"),
    ("errors/empty", " → stream_cut: next model, maybe paid"),
];

/// The same for chat completions.
pub(super) const CHAT: &[(&str, &str)] = &[
    (
        "chat/completed.sse",
        r#"Größe |zählt.|<12/30> → stop "Größe zählt." by llama3.3, in 12 out 30 reasoning 20"#,
    ),
    (
        "chat/completed_cr.sse",
        r#"Größe |zählt.|<12/30> → stop "Größe zählt." by llama3.3, in 12 out 30 reasoning 20"#,
    ),
    ("chat/no_end.sse", "Größe |zählt.|<12/30> → stream_cut: next model, maybe paid"),
    ("chat/truncated.sse", "Größe | → stream_cut: next model, maybe paid"),
    ("chat/no_usage.sse", r#"Größe |zählt.| → stop "Größe zählt." by llama3.3, usage unknown"#),
    ("chat/bare.sse", r#"ok| → stop "ok" by m, usage unknown"#),
    ("chat/length.sse", r#"Größe |zählt.| → length "Größe zählt." by llama3.3, usage unknown"#),
    (
        "chat/refusal.sse",
        r#"no: I |no: cannot.| → refusal "I cannot." "" by llama3.3, usage unknown"#,
    ),
    (
        "chat/tools.sse",
        r#"<12/30> → stop "" by llama3.3, in 12 out 30 reasoning 20, call_1=find_port{"city":"Rotterdam"}, call_2=list{}"#,
    ),
    (
        "chat/tools_without_index.sse",
        r#" → stop "" by llama3.3, usage unknown, call_0=find_port{}, call_1=list{}"#,
    ),
    ("chat/error.sse", "Größe |zählt.| → rate_limit_exceeded: retry, maybe paid"),
    (
        "chat/running_usage.sse",
        r#"<12/3>Größe |<12/6>zählt.| → stop "Größe zählt." by llama3.3, in 12 out 6"#,
    ),
    ("chat/done_at_once.sse", " → unreadable_answer: next model, maybe paid"),
    ("errors/page.html", " → stream_cut: next model, maybe paid"),
    ("errors/empty", " → stream_cut: next model, maybe paid"),
];

async fn stream(api: Api, played: RecordedAnswer, request: &ModelRequest) -> String {
    let (client, _server) = client(api, [played]).await;
    watched(client.stream(request).await).await
}

#[tokio::test]
async fn every_stream_ends_with_an_answer_or_error() {
    for (api, rows) in [(Api::Responses, RESPONSES), (Api::ChatCompletions, CHAT)] {
        for (fixture, expect) in rows {
            assert_eq!(
                &stream(api, RecordedAnswer::fixture(fixture), &request("gpt-5-mini")).await,
                expect,
                "{fixture}"
            );
        }
    }
}

#[tokio::test]
async fn silence_is_tolerated_for_the_configured_time() {
    let patient = Duration::from_secs(30);
    let check = async |then, timeout, idle_timeout, expect: &str| {
        let played = RecordedAnswer { then, ..RecordedAnswer::fixture("openai/no_end.sse") };
        let request = ModelRequest { timeout, idle_timeout, ..request("gpt-5-mini") };
        assert_eq!(
            stream(Api::Responses, played, &request).await,
            format!("Größe |zählt|.| → {expect}"),
            "{then:?}"
        );
    };
    let short = Duration::from_millis(200);
    check(AfterBody::Silence, patient, short, "stalled: next model, maybe paid").await;
    check(AfterBody::Silence, short, patient, "timeout: next model, maybe paid").await;
    check(AfterBody::Comments, patient, short, "stalled: next model, maybe paid").await;
    check(AfterBody::Break, patient, patient, "stream_cut: next model, maybe paid").await;
}

#[tokio::test]
async fn a_missing_first_byte_counts_as_silence() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let client = OpenAi::new(&url, Api::Responses, Arc::new(KeySource(None)));
    let request =
        ModelRequest { idle_timeout: Duration::from_millis(100), ..request("gpt-5-mini") };
    assert_eq!(watched(client.stream(&request).await).await, "stalled: next model, maybe paid");
    drop(listener);
}

#[tokio::test]
async fn an_oversized_event_is_not_read() {
    let huge =
        [fixture("openai/no_end.sse"), b"data: ".to_vec(), vec![b'x'; 17 * 1024 * 1024]].concat();
    let end = stream(Api::Responses, RecordedAnswer::ok(huge), &request("gpt-5-mini")).await;
    assert_eq!(end, "Größe |zählt|.| → unreadable_answer: next model, maybe paid");
}

mod cuts {
    use proptest::prelude::*;

    use crate::{
        fuzzing::{self, Outcome},
        testing::{fixture, fixtures},
    };

    fn read(folder: &str, chunks: &[&[u8]]) -> Outcome {
        match folder {
            "openai" => fuzzing::openai_responses(chunks),
            "chat" => fuzzing::openai_chat(chunks),
            _ => fuzzing::gemini(chunks),
        }
    }

    fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<usize> =
            cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
    }

    #[test]
    fn a_stream_reads_the_same_byte_by_byte() {
        for folder in ["openai", "chat", "gemini"] {
            for name in fixtures(folder, ".sse") {
                let bytes = fixture(&name);
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(read(folder, &single), read(folder, &[&bytes]), "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_stream_does_not_depend_on_chunk_boundaries(
            folder in 0_usize..3, place in any::<usize>(), cuts in proptest::collection::vec(any::<usize>(), 0..6)
        ) {
            let folder = ["openai", "chat", "gemini"][folder];
            let names = fixtures(folder, ".sse");
            let bytes = fixture(&names[place % names.len()]);
            prop_assert_eq!(read(folder, &cut(&bytes, &cuts)), read(folder, &[&bytes]));
        }

        #[test]
        fn any_bytes_give_one_answer_or_error(
            folder in 0_usize..3, bytes in proptest::collection::vec(any::<u8>(), 0..300), place in any::<usize>(),
            cuts in proptest::collection::vec(any::<usize>(), 0..6)
        ) {
            let folder = ["openai", "chat", "gemini"][folder];
            // Noise inside a real stream reaches more code than noise alone.
            let names = fixtures(folder, ".sse");
            let mut stream = fixture(&names[place % names.len()]);
            let at = place % (stream.len() + 1);
            stream.splice(at..at, bytes);
            let outcome = read(folder, &cut(&stream, &cuts));
            let ends = outcome.iter().filter(|piece| matches!(piece, Err(_) | Ok(ports::Piece::Answer(_)))).count();
            prop_assert_eq!(ends, 1);
            prop_assert!(matches!(outcome.last(), Some(Err(_) | Ok(ports::Piece::Answer(_)))));
            prop_assert_eq!(read(folder, &[&stream]), outcome);
        }
    }
}
