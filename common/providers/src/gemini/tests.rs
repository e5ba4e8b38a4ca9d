//! Tests of Gemini against a strict stub server that plays recorded answers.

mod bodies;
mod searching;
mod streams;
mod whole;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use ports::{ModelProvider as _, Secret, SecretError};

use super::{GEMINI, Gemini, TokenSource};
use crate::testing::{
    KeySource, RecordedAnswer, Server, TEST_KEY, fixtures, request, summary, watched,
};

const MODEL: &str = "gemini-2.5-flash";

/// A client, and the stub server that plays these answers to it.
async fn client(answers: impl IntoIterator<Item = RecordedAnswer>) -> (Gemini, Server) {
    let server = Server::playing(answers).await;
    (Gemini::developer(&server.url, Arc::new(KeySource(Some(TEST_KEY)))), server)
}

struct Tokens(Option<&'static str>);

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self) -> Result<Secret, SecretError> {
        self.0.map(Secret::new).ok_or_else(|| SecretError::Unavailable("no metadata server".into()))
    }
}

#[test]
fn every_recorded_answer_is_used_by_a_table() {
    let rows = whole::ROWS.iter().chain(streams::ROWS).map(|(fixture, _)| (*fixture).to_owned());
    let lists = ["gemini/models_1.json", "gemini/models_2.json"].map(str::to_owned);
    let used: BTreeSet<String> = rows.chain(lists).collect();
    let unused: Vec<String> =
        fixtures("gemini", "").into_iter().filter(|file| !used.contains(file)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[tokio::test]
async fn the_developer_api_requires_a_key() {
    let (client, server) = client([RecordedAnswer::fixture("gemini/completed.json")]).await;
    client.generate(&request(MODEL)).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1/models/gemini-2.5-flash:generateContent");
    assert_eq!(asked.headers["x-goog-api-key"], TEST_KEY);
    let keyless = Gemini::developer(GEMINI, Arc::new(KeySource(None)));
    assert_eq!(summary(&keyless.generate(&request(MODEL)).await), "no_key: next model, free");
    assert_eq!(watched(keyless.stream(&request(MODEL)).await).await, "no_key: next model, free");
}

#[tokio::test]
async fn vertex_uses_a_token_and_a_tier_header() {
    let server = Server::playing([RecordedAnswer::fixture("gemini/flex.json")]).await;
    let host = server.url.trim_end_matches("/v1");
    let vertex = Gemini::vertex(Some(host), "p-1", "global", Arc::new(Tokens(Some("t-1"))));
    let flex = domain::catalog::ServiceTier::Flex;
    let request = ports::ModelRequest { service_tier: flex, ..request(MODEL) };
    assert_eq!(vertex.generate(&request).await.unwrap().service_tier, flex);
    let asked = &server.asked()[0];
    let path = "/v1/projects/p-1/locations/global/publishers/google/models/gemini-2.5-flash:generateContent";
    assert_eq!(asked.path, path);
    assert_eq!(asked.headers["authorization"], "Bearer t-1");
    assert_eq!(asked.headers["x-vertex-ai-llm-shared-request-type"], "flex");
    assert_eq!(asked.body.get("service_tier"), None);
    assert_eq!(vertex.listed().await, Ok(None));
    let nobody = Gemini::vertex(Some(host), "p-1", "global", Arc::new(Tokens(None)));
    assert_eq!(summary(&nobody.generate(&request).await), "key_unavailable: retry, free");
    assert_eq!(
        Gemini::vertex(None, "p", "europe-west4", Arc::new(Tokens(None))).base_url,
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google"
    );
}

#[tokio::test]
async fn a_model_name_cannot_change_the_path() {
    let (client, server) = client([RecordedAnswer::fixture("gemini/completed.json")]).await;
    for model in ["", "../x", "a:b", "a?b"] {
        assert_eq!(
            summary(&client.generate(&request(model)).await),
            "model_not_found: next model, free",
            "{model}"
        );
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn the_list_of_models_is_read_page_by_page() {
    let (client, server) =
        client(["gemini/models_1.json", "gemini/models_2.json"].map(RecordedAnswer::fixture)).await;
    let listed = client.listed().await.unwrap().unwrap();
    let ids: Vec<&str> = listed.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["gemini-2.5-flash", "gemini-3.8-flash"]);
    let paths: Vec<String> = server.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/v1/models?pageSize=1000", "/v1/models?pageToken=p2&pageSize=1000"]);
}
