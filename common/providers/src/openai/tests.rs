//! Tests of both protocols against a strict stub server that plays recorded answers.

mod background;
mod bodies;
mod streams;
mod whole;

use std::{collections::BTreeSet, sync::Arc};

use super::{Api, OPENAI, OpenAi};
use crate::testing::{KeySource, RecordedAnswer, Server, TEST_KEY, fixtures};

/// A client, and the stub server that plays these answers to it.
async fn client(api: Api, answers: impl IntoIterator<Item = RecordedAnswer>) -> (OpenAi, Server) {
    let server = Server::playing(answers).await;
    (OpenAi::new(&server.url, api, Arc::new(KeySource(Some(TEST_KEY)))), server)
}

#[test]
fn every_recorded_answer_is_used_by_a_table() {
    let rows =
        whole::RESPONSES.iter().chain(whole::CHAT).chain(streams::RESPONSES).chain(streams::CHAT);
    let used: BTreeSet<String> =
        rows.map(|(fixture, _)| (*fixture).to_owned()).chain(background::used()).collect();
    let files = ["openai", "chat"].into_iter().flat_map(|folder| fixtures(folder, ""));
    let unused: Vec<String> = files.filter(|file| !used.contains(file)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[tokio::test]
async fn openai_is_not_called_without_a_key() {
    use ports::{ModelProvider as _, ProviderError};
    let client = OpenAi::new(OPENAI, Api::Responses, Arc::new(KeySource(None)));
    let request = crate::testing::request("gpt-5-mini");
    let codes = |error: ProviderError| crate::testing::summary(&Err(error));
    assert_eq!(codes(client.generate(&request).await.unwrap_err()), "no_key: next model, free");
    assert_eq!(codes(client.stream(&request).await.err().unwrap()), "no_key: next model, free");
    assert_eq!(codes(client.listed().await.unwrap_err()), "no_key: next model, free");
}

#[tokio::test]
async fn an_unreachable_server_is_not_billed() {
    use ports::ModelProvider as _;
    let client = OpenAi::new("http://127.0.0.1:9/v1", Api::Responses, Arc::new(KeySource(None)));
    let result = client.generate(&crate::testing::request("gpt-5-mini")).await;
    assert_eq!(crate::testing::summary(&result), "connection: retry, free");
}
