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
