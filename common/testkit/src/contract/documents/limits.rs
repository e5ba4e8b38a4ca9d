//! Limits: what is accepted, and a clear refusal beyond.

use ports::{
    Key, Precondition, StoreError, Write,
    documents::{MAX_DOCUMENT_BYTES, MAX_WRITES},
};
use serde_json::{Value, json};

use super::{Store, body, commit, create};

/// Runs every behaviour of this module.
pub async fn all(make: impl AsyncFn() -> Store) {
    a_commit_holds_400_writes_and_no_more(make().await).await;
    a_document_holds_a_megabyte_and_no_more(make().await).await;
    a_merge_cannot_outgrow_the_limit(make().await).await;
    a_commit_that_makes_no_sense_is_refused(make().await).await;
    an_empty_commit_does_nothing(make().await).await;
}

fn creations(count: usize) -> Vec<Write> {
    let create =
        |i| Write::create(Key::new("limits_writes", format!("{i:04}")), &json!({"i": i})).unwrap();
    (0..count).map(create).collect()
}

fn check_refusal<T: std::fmt::Debug>(outcome: Result<T, StoreError>, words: &str) {
    match outcome {
        Err(StoreError::Invalid { reason, .. }) => {
            assert!(reason.contains(words), "`{reason}` lacks `{words}`");
        }
        other => panic!("expected a refusal with `{words}`, got {other:?}"),
    }
}

/// The largest allowed commit succeeds as a whole; one more write is refused as a whole.
pub async fn a_commit_holds_400_writes_and_no_more(store: Store) {
    check_refusal(store.commit(creations(MAX_WRITES + 1)).await, "at most 400 writes");
    assert_eq!(store.commit(creations(MAX_WRITES)).await.unwrap().len(), MAX_WRITES);
    let last = Key::new("limits_writes", format!("{:04}", MAX_WRITES - 1));
    assert_eq!(body(&store, &last).await, json!({"i": MAX_WRITES - 1}));
}

fn sized(bytes: usize) -> Value {
    json!({"text": "x".repeat(bytes - r#"{"text":""}"#.len())})
}

/// A document of just under 1 MB is read back whole; a larger one is refused.
pub async fn a_document_holds_a_megabyte_and_no_more(store: Store) {
    let key = Key::new("limits_size", "a");
    let too_large = Write::create(key.clone(), &sized(MAX_DOCUMENT_BYTES + 1)).unwrap();
    check_refusal(commit(&store, too_large).await, "the limit is 1000000");
    create(&store, &key, &sized(MAX_DOCUMENT_BYTES)).await;
    assert!(
        body(&store, &key).await == sized(MAX_DOCUMENT_BYTES),
        "the document came back changed"
    );
}

/// The result of a merge has the same limit; a refused merge changes nothing.
pub async fn a_merge_cannot_outgrow_the_limit(store: Store) {
    let key = Key::new("limits_merge", "a");
    create(&store, &key, &sized(MAX_DOCUMENT_BYTES - 100)).await;
    let merge = Write::merge(key.clone(), Precondition::Exists).set("more", "x".repeat(200));
    check_refusal(commit(&store, merge).await, "the limit is 1000000");
    assert!(
        body(&store, &key).await == sized(MAX_DOCUMENT_BYTES - 100),
        "a refused merge changed the document"
    );
}

/// Two writes to one document, a merge into an absent one, a key without id, an increment of a
/// text.
pub async fn a_commit_that_makes_no_sense_is_refused(store: Store) {
    let key = Key::new("limits_sense", "a");
    create(&store, &key, &json!({"text": "x", "large": i64::MAX})).await;
    let merge = || Write::merge(key.clone(), Precondition::Exists);
    check_refusal(
        store.commit(vec![merge().set("a", 1), merge().set("b", 2)]).await,
        "one write a document",
    );
    let merge_absent =
        Write::merge(Key::new("limits_sense", "b"), Precondition::Absent).set("a", 1);
    check_refusal(commit(&store, merge_absent).await, "needs an existing document");
    let no_id = Write::create(Key::new("limits_sense", ""), &json!({})).unwrap();
    check_refusal(commit(&store, no_id).await, "id without");
    check_refusal(commit(&store, merge().increment("text", 1)).await, "cannot be incremented");
    check_refusal(commit(&store, merge().increment("large", 1)).await, "cannot be incremented");
    assert_eq!(body(&store, &key).await, json!({"text": "x", "large": i64::MAX}));
}

/// An empty commit is not an error.
pub async fn an_empty_commit_does_nothing(store: Store) {
    assert_eq!(store.commit(Vec::new()).await, Ok(Vec::new()));
}
