//! Tests of background calls and of the list of models.

use ports::{ModelProvider as _, ProviderError};

use super::*;
use crate::testing::{request, said, summary};

/// Fixtures that only these tests play.
pub(super) fn used() -> impl Iterator<Item = String> {
    let names = ["models.json", "queued.json", "cancelled_with_usage.json"];
    names.into_iter().map(|name| format!("openai/{name}"))
}

fn words(found: Result<Option<ports::ModelAnswer>, ProviderError>) -> String {
    match found {
        Ok(None) => "at work".into(),
        Ok(Some(answer)) => said(&answer),
        Err(error) => summary(&Err(error)),
    }
}

#[tokio::test]
async fn a_background_call_is_fetched_by_its_id() {
    let answers = ["openai/queued.json", "openai/in_progress.json", "openai/completed.json"]
        .map(RecordedAnswer::fixture);
    let (client, server) = client(Api::Responses, answers).await;
    let calls = client.background().unwrap();
    let id = calls.begin(&request("gpt-5-mini")).await.unwrap();
    assert_eq!(id, "resp_10");
    assert_eq!(words(calls.fetch(&id).await), "at work");
    assert!(words(calls.fetch(&id).await).starts_with("stop "));
    let asked: Vec<String> =
        server.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(
        asked,
        ["POST /v1/responses", "GET /v1/responses/resp_10", "GET /v1/responses/resp_10"]
    );
    let body = &server.asked()[0].body;
    assert_eq!((&body["background"], &body["store"]), (&true.into(), &true.into()));
}

#[tokio::test]
async fn a_background_call_is_never_reported_free() {
    let half = r#"length "half of" by gpt-5-mini-2025-08-07, in 10 out 5"#;
    let rows = [
        (200, "openai/queued.json", "at work", "at work"),
        (200, "openai/in_progress.json", "at work", "at work"),
        (200, "openai/cancelled.json", "cancelled: stop, maybe paid", "at work"),
        (200, "openai/cancelled_with_usage.json", half, half),
        (
            200,
            "openai/failed.json",
            "server_error: retry, maybe paid",
            "server_error: retry, maybe paid",
        ),
        (
            200,
            "openai/incomplete.json",
            r#"length "" by gpt-5-mini, in 120 out 900 reasoning 900"#,
            r#"length "" by gpt-5-mini, in 120 out 900 reasoning 900"#,
        ),
        (
            404,
            "errors/not_found.json",
            "response_not_found: next model, maybe paid",
            "response_not_found: next model, maybe paid",
        ),
        (
            503,
            "errors/page.html",
            "unavailable: retry, maybe paid",
            "unavailable: retry, maybe paid",
        ),
        (
            429,
            "errors/rate_limit.json",
            "rate_limited: retry, maybe paid",
            "rate_limited: retry, maybe paid",
        ),
    ];
    for (status, fixture, fetched, cancelled) in rows {
        let (client, _server) =
            client(Api::Responses, [RecordedAnswer { status, ..RecordedAnswer::fixture(fixture) }])
                .await;
        let calls = client.background().unwrap();
        assert_eq!(words(calls.fetch("resp_10").await), fetched, "{fixture}");
        assert_eq!(words(calls.cancel("resp_10").await), cancelled, "{fixture}");
    }
}

#[tokio::test]
async fn an_id_cannot_change_the_path() {
    let (client, server) =
        client(Api::Responses, [RecordedAnswer::fixture("openai/queued.json")]).await;
    let calls = client.background().unwrap();
    for id in ["", "../models", "a/b", "a?b", "a b"] {
        assert_eq!(
            words(calls.fetch(id).await),
            "response_not_found: next model, maybe paid",
            "{id}"
        );
    }
    assert!(server.asked().is_empty());
    let compatible =
        super::client(Api::ChatCompletions, [RecordedAnswer::fixture("openai/queued.json")])
            .await
            .0;
    assert!(compatible.background().is_none());
}

#[tokio::test]
async fn the_list_of_models_says_when_they_end() {
    let (client, server) =
        client(Api::Responses, [RecordedAnswer::fixture("openai/models.json")]).await;
    let listed = client.listed().await.unwrap().unwrap();
    let listed: Vec<String> = listed
        .iter()
        .map(|model| {
            format!(
                "{} {}",
                model.id,
                model.shutdown.map_or_else(String::new, |day| day.to_string())
            )
        })
        .collect();
    assert_eq!(listed, ["gpt-5-mini 2026-12-11", "gpt-6-luna ", "gpt-5.1 2027-04-01", "odd "]);
    assert_eq!(server.asked()[0].path, "/v1/models");
    let nothing = RecordedAnswer { status: 404, ..RecordedAnswer::fixture("errors/page.html") };
    let without = super::client(Api::ChatCompletions, [nothing]).await.0;
    assert_eq!(without.listed().await, Ok(None));
}
