//! Tests of vectors in Firestore.

use std::sync::Arc;

use domain::{BusinessId, vector::DIMENSIONS};
use gcp::{FirestoreTarget, FirestoreVectors};
use ports::{VectorIndex as _, VectorItem, VectorQuery};
use serde_json::json;
use testkit::contract::vectors;

use crate::{emulator, unique};

async fn make() -> Arc<FirestoreVectors> {
    let emulator = Some(emulator("FIRESTORE_EMULATOR_HOST"));
    let target =
        FirestoreTarget { project: unique("vectors"), database: "(default)".into(), emulator };
    Arc::new(FirestoreVectors::new(target, None).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn firestore_searches_vectors_as_every_index_does() {
    vectors::all(make).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_behind_a_thousand_nearer_vectors_is_found() {
    let index = make().await;
    let acme = BusinessId::new("acme").unwrap();
    let item = |id: String, second: f32, lang: &str| {
        let mut embedding = vec![0.0; DIMENSIONS];
        (embedding[0], embedding[1]) = (1.0, second);
        let serde_json::Value::Object(metadata) = json!({"lang": lang}) else { unreachable!() };
        VectorItem { id, embedding, metadata }
    };
    let near = (0..1001).map(|i| item(format!("near{i}"), 0.0, "de"));
    index.upsert(&acme, near.chain([item("far".into(), 1.0, "en")]).collect()).await.unwrap();
    let embedding = item(String::new(), 0.0, "").embedding;
    let filter = serde_json::from_value(json!({"lang": "en"})).unwrap();
    let found =
        index.search(&VectorQuery { business: acme, embedding, top_k: 3, filter }).await.unwrap();
    assert_eq!(found.iter().map(|neighbour| neighbour.id.as_str()).collect::<Vec<_>>(), ["far"]);
}
