//! Watching: first what matches now, then every later write.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use ports::{
    Document, Key, Precondition, Query, Write,
    documents::{Batch, Direction},
};
use serde_json::json;

use super::{Store, commit, create};

/// Runs every behaviour of this module.
pub async fn all(make: impl AsyncFn() -> Store) {
    a_watch_replays_then_follows(make().await).await;
    an_empty_watch_starts_with_an_empty_batch(make().await).await;
    only_what_matches_is_reported(make().await).await;
    one_document_can_be_watched(make().await).await;
    the_limit_bounds_the_first_batch_only(make().await).await;
    what_is_written_while_a_watch_opens_is_seen(make().await).await;
    no_change_is_missed_under_concurrent_writes(make().await).await;
}

/// Timeout of a watch, far longer than any store takes; a test that reaches it has missed a change.
const PATIENCE: Duration = Duration::from_secs(30);

async fn next(stream: &mut (impl futures::Stream<Item = Batch> + Unpin)) -> Vec<Document> {
    let batch = tokio::time::timeout(PATIENCE, stream.next()).await;
    batch.unwrap_or_else(|_| panic!("the watch missed a change")).unwrap().unwrap()
}

/// Reads batches until one holds a document with this id, and returns all ids seen. A store may
/// repeat documents, so other ids are not an error.
async fn until(
    stream: &mut (impl futures::Stream<Item = Batch> + Unpin),
    id: &str,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while !seen.contains(id) {
        seen.extend(next(stream).await.into_iter().map(|document| document.key.id));
    }
    seen
}

/// The first batch holds the current matches in the query's order; then each change arrives with
/// the document's new state.
pub async fn a_watch_replays_then_follows(store: Store) {
    let key = |id: &str| Key::new("watch_follow", id);
    for (id, n) in [("a", 3), ("b", 2), ("c", 1)] {
        create(&store, &key(id), &json!({"n": n})).await;
    }
    let mut watch = store.watch(Query::collection("watch_follow").order("n", Direction::Ascending));
    let first: Vec<_> =
        next(&mut watch).await.into_iter().map(|document| document.key.id).collect();
    assert_eq!(first, ["c", "b", "a"]);

    create(&store, &key("d"), &json!({"n": 0})).await;
    until(&mut watch, "d").await;
    let version =
        commit(&store, Write::merge(key("a"), Precondition::Exists).set("n", 9)).await.unwrap();
    let changed = loop {
        let batch = next(&mut watch).await;
        if let Some(document) = batch.into_iter().find(|document| document.version == version) {
            break document;
        }
    };
    assert_eq!((changed.key, changed.body["n"].clone()), (key("a"), json!(9)));
}

/// A watch without matches starts with an empty batch.
pub async fn an_empty_watch_starts_with_an_empty_batch(store: Store) {
    let mut watch = store.watch(Query::collection("watch_empty"));
    assert!(next(&mut watch).await.is_empty());
    create(&store, &Key::new("watch_empty", "a"), &json!({})).await;
    assert_eq!(until(&mut watch, "a").await, BTreeSet::from(["a".into()]));
}

/// Changes of other collections, of documents that do not match, and deletions are not reported.
pub async fn only_what_matches_is_reported(store: Store) {
    let key = |id: &str| Key::new("watch_match", id);
    create(&store, &key("before"), &json!({"due": true})).await;
    let mut watch = store.watch(Query::collection("watch_match").equal("due", true));
    assert_eq!(next(&mut watch).await.len(), 1);
    create(&store, &Key::new("watch_match/before/events", "elsewhere"), &json!({"due": true}))
        .await;
    create(&store, &key("not_due"), &json!({"due": false})).await;
    create(&store, &key("undecided"), &json!({})).await;
    commit(&store, Write::merge(key("before"), Precondition::Exists).set("due", false))
        .await
        .unwrap();
    commit(&store, Write::delete(key("not_due"), Precondition::Exists)).await.unwrap();
    create(&store, &key("due"), &json!({"due": true})).await;
    assert_eq!(until(&mut watch, "due").await, BTreeSet::from(["due".into()]));
}

/// A watcher of one key sees that document created, changed and created again, and no other.
pub async fn one_document_can_be_watched(store: Store) {
    let (key, other) = (Key::new("watch_one", "a"), Key::new("watch_one", "b"));
    let mut watch = store.watch(Query::document(&key));
    assert!(next(&mut watch).await.is_empty());
    for life in 0..3 {
        create(&store, &key, &json!({"life": life})).await;
        create(&store, &other, &json!({})).await;
        while next(&mut watch).await.iter().all(|document| document.body["life"] != json!(life)) {}
        commit(&store, Write::delete(key.clone(), Precondition::Exists)).await.unwrap();
        commit(&store, Write::delete(other.clone(), Precondition::Exists)).await.unwrap();
    }
}

/// The limit applies to the first batch only.
pub async fn the_limit_bounds_the_first_batch_only(store: Store) {
    let key = |i: usize| Key::new("watch_limit", format!("{i}"));
    for i in 0..4 {
        create(&store, &key(i), &json!({})).await;
    }
    let mut watch = store.watch(Query::collection("watch_limit").limit(2));
    assert_eq!(next(&mut watch).await.len(), 2);
    let writes = (4..8).map(|i| Write::create(key(i), &json!({})).unwrap()).collect();
    store.commit(writes).await.unwrap();
    let seen = until(&mut watch, "7").await;
    assert!(["4", "5", "6"].iter().all(|id| seen.contains(*id)), "{seen:?}");
}

/// A document written while its watch opens arrives with the first batch or after it, without any
/// further write.
pub async fn what_is_written_while_a_watch_opens_is_seen(store: Store) {
    const ROUNDS: usize = 25;
    const AT_ONCE: usize = 16;
    let mut watches = Vec::new();
    for round in 0..ROUNDS {
        let mut opening = Vec::new();
        for i in 0..AT_ONCE {
            let (store, collection) = (store.clone(), format!("watch_open_{round}_{i}"));
            let written = Key::new(&collection, "a");
            opening.push(tokio::spawn({
                let store = store.clone();
                async move { create(&store, &written, &json!({})).await }
            }));
            watches.push(tokio::spawn(async move {
                let mut watch = store.watch(Query::collection(collection));
                until(&mut watch, "a").await;
                watch
            }));
        }
        for writer in opening {
            writer.await.unwrap();
        }
    }
    // All watches stay open until the last has seen its document.
    for watch in futures::future::join_all(watches).await {
        drop(watch.unwrap());
    }
}

/// Eight writers create 200 documents while watchers join; each watcher sees all of them.
pub async fn no_change_is_missed_under_concurrent_writes(store: Store) {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let write = |writer: usize, store: Store| async move {
        for i in 0..EACH {
            create(&store, &Key::new("watch_race", format!("{writer}-{i}")), &json!({})).await;
        }
    };
    let follow = |store: Store| async move {
        let mut watch = store.watch(Query::collection("watch_race").limit(WRITERS * EACH));
        let mut seen = BTreeSet::new();
        while seen.len() < WRITERS * EACH {
            seen.extend(next(&mut watch).await.into_iter().map(|document| document.key.id));
        }
        watch
    };
    let mut followers = vec![tokio::spawn(follow(store.clone()))];
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        writers.push(tokio::spawn(write(writer, store.clone())));
        followers.push(tokio::spawn(follow(store.clone())));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    // No watch closes before all have seen everything: the emulator loses changes for other watches
    // when one closes at that moment (Firestore does not).
    let mut watches = Vec::new();
    for follower in followers {
        watches.push(follower.await.unwrap());
    }
}
