use std::sync::Mutex;

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let dirs = Mutex::new(Vec::new());
    let make = async || {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        dirs.lock().unwrap().push(dir);
        Arc::new(store)
    };
    testkit::contract::documents::all(make).await;
}

#[tokio::test]
async fn documents_and_versions_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::new("tasks", "t1");
    let create = Write::create(key.clone(), &json!({"n": 1})).unwrap();
    let versions = Store::open(dir.path()).unwrap().commit(vec![create]).await.unwrap();

    let reopened = Store::open(dir.path()).unwrap();
    let next = Write::replace(key, versions[0], &json!({"n": 2})).unwrap();
    assert!(reopened.commit(vec![next]).await.unwrap()[0] > versions[0]);
}

#[tokio::test]
async fn only_expired_documents_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let body = |expire_at: &str| json!({"expire_at": expire_at});
    let mut writes = vec![Write::create(Key::new("calls", "unlimited"), &json!({})).unwrap()];
    for (id, expire_at) in
        [("old", "2026-11-22T09:59:59.999Z"), ("new", "2026-11-22T10:00:00.000Z")]
    {
        writes.push(Write::create(Key::new("calls", id), &body(expire_at)).unwrap());
    }
    store.commit(writes).await.unwrap();
    assert_eq!(store.expire("2026-11-22T10:00:00.000Z").await, Ok(1));
    let left = store.query(&Query::collection("calls")).await.unwrap();
    assert_eq!(
        left.iter().map(|document| document.key.id.as_str()).collect::<Vec<_>>(),
        ["new", "unlimited"]
    );
    // It is gone from the cache too.
    assert_eq!(store.get(&[Key::new("calls", "old")]).await.unwrap(), [None]);
}
