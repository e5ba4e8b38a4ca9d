//! Commits: atomic, and conditional on the versions that were read.

use ports::{Key, Precondition, StoreError, Version, Write};
use serde_json::json;

use super::{Store, body, commit, create, read};

/// Runs every behaviour of this module.
pub async fn all(make: impl AsyncFn() -> Store) {
    a_document_is_created_once(make().await).await;
    a_failed_precondition_is_a_conflict(make().await).await;
    one_failing_write_undoes_all(make().await).await;
    returned_versions_chain_without_reads(make().await).await;
    every_commit_changes_the_version(make().await).await;
    increments_add_to_what_is_there(make().await).await;
    a_merge_leaves_other_fields_alone(make().await).await;
    a_deleted_document_is_gone(make().await).await;
    get_answers_in_the_order_of_the_keys(make().await).await;
    concurrent_updates_by_version_lose_nothing(make().await).await;
    concurrent_increments_lose_nothing(make().await).await;
}

/// Create-if-absent succeeds once.
pub async fn a_document_is_created_once(store: Store) {
    let key = Key::new("commits_create", "a");
    create(&store, &key, &json!({"by": 1})).await;
    let again = commit(&store, Write::create(key.clone(), &json!({"by": 2})).unwrap()).await;
    assert_eq!(again, Err(StoreError::Conflict(key.clone())));
    assert_eq!(body(&store, &key).await, json!({"by": 1}));
}

/// Each precondition that does not hold gives a conflict that names its document, and nothing
/// changes.
pub async fn a_failed_precondition_is_a_conflict(store: Store) {
    let (there, missing) =
        (Key::new("commits_conflict", "there"), Key::new("commits_conflict", "missing"));
    let old = create(&store, &there, &json!({"n": 1})).await;
    let current = commit(&store, Write::replace(there.clone(), old, &json!({"n": 2})).unwrap())
        .await
        .unwrap();
    let failing = [
        Write::create(there.clone(), &json!({})).unwrap(),
        Write::replace(there.clone(), old, &json!({})).unwrap(),
        Write::merge(there.clone(), Precondition::Version(old)).set("n", 9),
        Write::delete(there.clone(), Precondition::Version(old)),
        Write::replace(missing.clone(), current, &json!({})).unwrap(),
        Write::merge(missing.clone(), Precondition::Exists).set("n", 9),
        Write::merge(missing.clone(), Precondition::Version(current)).set("n", 9),
        Write::delete(missing.clone(), Precondition::Exists),
    ];
    for write in failing {
        let key = write.key.clone();
        assert_eq!(
            commit(&store, write.clone()).await,
            Err(StoreError::Conflict(key)),
            "{write:?}"
        );
    }
    let document = read(&store, &there).await.unwrap();
    assert_eq!((document.version, document.body["n"].clone()), (current, json!(2)));
    assert_eq!(read(&store, &missing).await, None);
}

/// A commit whose last write fails leaves every document as it was.
pub async fn one_failing_write_undoes_all(store: Store) {
    let key = |id: &str| Key::new("commits_atomic", id);
    let version = create(&store, &key("kept"), &json!({"n": 1})).await;
    create(&store, &key("taken"), &json!({})).await;
    let outcome = store
        .commit(vec![
            Write::create(key("new"), &json!({})).unwrap(),
            Write::merge(key("kept"), Precondition::Exists).increment("n", 1),
            Write::create(key("taken"), &json!({})).unwrap(),
        ])
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict(key("taken"))));
    assert_eq!(read(&store, &key("new")).await, None);
    let kept = read(&store, &key("kept")).await.unwrap();
    assert_eq!((kept.version, kept.body["n"].clone()), (version, json!(1)));
}

/// The versions that a commit returns, in the order of its writes, are valid preconditions of the
/// next commit.
pub async fn returned_versions_chain_without_reads(store: Store) {
    let keys = ["a", "b"].map(|id| Key::new("commits_chain", id));
    let writes = |versions: Option<&[Version]>, n: i64| {
        let write = |(i, key): (usize, &Key)| {
            Write::put(key.clone(), versions.map(|versions| versions[i]), &json!({"n": n})).unwrap()
        };
        keys.iter().enumerate().map(write).collect::<Vec<_>>()
    };
    let mut versions = store.commit(writes(None, 0)).await.unwrap();
    for n in 1..5 {
        versions = store.commit(writes(Some(&versions), n)).await.unwrap();
    }
    for (key, version) in keys.iter().zip(versions) {
        let document = read(&store, key).await.unwrap();
        assert_eq!((document.version, document.body["n"].clone()), (version, json!(4)));
    }
}

/// Writing the same content again is a change too, and gets a larger version.
pub async fn every_commit_changes_the_version(store: Store) {
    let key = Key::new("commits_version", "a");
    let first = create(&store, &key, &json!({"n": 1})).await;
    let second = commit(&store, Write::replace(key.clone(), first, &json!({"n": 1})).unwrap())
        .await
        .unwrap();
    let third = commit(&store, Write::merge(key.clone(), Precondition::Exists)).await.unwrap();
    assert!(first < second && second < third, "{first:?} {second:?} {third:?}");
}

/// An absent field counts as 0; the document must exist; text fields and overflow are refused.
pub async fn increments_add_to_what_is_there(store: Store) {
    let key = Key::new("commits_increment", "a");
    let merge = || Write::merge(key.clone(), Precondition::Exists);
    assert_eq!(
        commit(&store, merge().increment("n", 1)).await,
        Err(StoreError::Conflict(key.clone()))
    );
    create(&store, &key, &json!({"n": 40, "text": "x"})).await;
    commit(&store, merge().increment("n", 3).increment("absent", -7)).await.unwrap();
    commit(&store, merge().increment("n", -1).set("other", true)).await.unwrap();
    assert_eq!(
        body(&store, &key).await,
        json!({"n": 42, "absent": -7, "text": "x", "other": true})
    );
}

/// Setting and removing fields leaves the others unchanged; setting replaces nested values as a
/// whole.
pub async fn a_merge_leaves_other_fields_alone(store: Store) {
    let key = Key::new("commits_merge", "a");
    create(&store, &key, &json!({"keep": [1, {"x": null}], "change": {"a": 1, "b": 2}, "drop": 1}))
        .await;
    let merge = Write::merge(key.clone(), Precondition::Exists);
    let merge =
        merge.set("change", json!({"a": 3})).set("new", "n").unset("drop").unset("never_there");
    commit(&store, merge).await.unwrap();
    assert_eq!(
        body(&store, &key).await,
        json!({"keep": [1, {"x": null}], "change": {"a": 3}, "new": "n"})
    );
}

/// A deleted document is absent and can be created again.
pub async fn a_deleted_document_is_gone(store: Store) {
    let key = Key::new("commits_delete", "a");
    let version = create(&store, &key, &json!({})).await;
    commit(&store, Write::delete(key.clone(), Precondition::Version(version))).await.unwrap();
    assert_eq!(read(&store, &key).await, None);
    let again = create(&store, &key, &json!({"life": 2})).await;
    assert!(again > version, "a version must not come back");
}

/// A missing document gives `None` in its place; a repeated key gives its document again.
pub async fn get_answers_in_the_order_of_the_keys(store: Store) {
    let key = |id: &str| Key::new("commits_get", id);
    for id in ["a", "b"] {
        create(&store, &key(id), &json!({"id": id})).await;
    }
    let found = store.get(&[key("b"), key("nobody"), key("a"), key("b")]).await.unwrap();
    let ids: Vec<_> =
        found.iter().map(|document| document.as_ref().map(|d| d.key.id.as_str())).collect();
    assert_eq!(ids, [Some("b"), None, Some("a"), Some("b")]);
    assert!(store.get(&[]).await.unwrap().is_empty());
}

/// Eight tasks each read, add one and commit under the version they read, fifty times.
pub async fn concurrent_updates_by_version_lose_nothing(store: Store) {
    let key = Key::new("commits_race", "counter");
    create(&store, &key, &json!({"n": 0})).await;
    let add_fifty = |store: Store, key: Key| async move {
        for _ in 0..50 {
            loop {
                let document = read(&store, &key).await.unwrap();
                let n = document.body["n"].as_i64().unwrap();
                let write =
                    Write::replace(key.clone(), document.version, &json!({"n": n + 1})).unwrap();
                match commit(&store, write).await {
                    Ok(_) => break,
                    Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    let tasks: Vec<_> =
        (0..8).map(|_| tokio::spawn(add_fifty(store.clone(), key.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(body(&store, &key).await, json!({"n": 400}));
}

/// Unconditional increments of one document add up in any order.
pub async fn concurrent_increments_lose_nothing(store: Store) {
    let key = Key::new("commits_increment_race", "counter");
    create(&store, &key, &json!({})).await;
    let increment = |by: i64| {
        let (store, write) =
            (store.clone(), Write::merge(key.clone(), Precondition::Exists).increment("n", by));
        tokio::spawn(async move { commit(&store, write).await.unwrap() })
    };
    let tasks: Vec<_> = (1..=40).map(increment).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(body(&store, &key).await, json!({"n": 820}));
}
