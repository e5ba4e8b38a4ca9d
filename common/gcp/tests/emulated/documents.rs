//! Tests of documents in Firestore.

use std::sync::Arc;

use gcp::{Firestore, FirestoreTarget};
use ports::{Documents as _, Key, Query, StoreError, Write};
use serde_json::json;
use testkit::{contract::documents, free_port};

use crate::{emulator, unique};

fn store_at(emulator: String) -> Firestore {
    let target = FirestoreTarget {
        project: unique("store"),
        database: "(default)".into(),
        emulator: Some(emulator),
    };
    Firestore::new(target, None).unwrap()
}

/// A new project is an empty database.
fn make() -> Arc<Firestore> {
    Arc::new(store_at(emulator("FIRESTORE_EMULATOR_HOST")))
}

#[tokio::test(flavor = "multi_thread")]
async fn firestore_commits_as_every_store_does() {
    documents::commits::all(async || make() as _).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firestore_keeps_the_limits_of_every_store() {
    documents::limits::all(async || make() as _).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firestore_queries_as_every_store_does() {
    documents::queries::all(async || make() as _).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firestore_is_watched_as_every_store_is() {
    documents::watching::all(async || make() as _).await;
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_unavailable() {
    let store = store_at(format!("127.0.0.1:{}", free_port()));
    let key = Key::new("reach", "a");
    let commit = store.commit(vec![Write::create(key.clone(), &json!({})).unwrap()]).await;
    assert!(matches!(commit, Err(StoreError::Unavailable(_))), "{commit:?}");
    let read = store.get(&[key]).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let page = store.query(&Query::collection("reach")).await;
    assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
}
