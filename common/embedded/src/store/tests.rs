use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Mutex,
};

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

/// Present in the directory of [`the_writer_that_gets_killed`] only when a test has started it.
const MARKER: &str = "kill-me";
const WRITERS: usize = 8;

#[tokio::test]
async fn every_acknowledged_commit_survives_a_killed_process() {
    for acknowledgements in [1, 50, 400] {
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = kill_after(acknowledgements, dir.path());
        assert!(acknowledged.len() >= acknowledgements);
        let store = Store::open(dir.path()).unwrap();
        let stored = store.query(&Query::collection("acknowledged").limit(usize::MAX)).await.unwrap();
        let stored: BTreeSet<_> = stored.into_iter().map(|document| document.key.id).collect();
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

/// Starts a writer on `dir`, kills it after so many acknowledgements, and returns all it printed.
fn kill_after(acknowledgements: usize, dir: &Path) -> BTreeSet<String> {
    std::fs::write(dir.join(MARKER), "").unwrap();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "store::tests::the_writer_that_gets_killed", "--nocapture"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeSet::new();
    for line in lines {
        // A line cut by the kill has no closing `;`: it is no acknowledgement.
        let line = line.unwrap_or_default();
        let id = line.strip_prefix("acknowledged ").and_then(|rest| rest.strip_suffix(';'));
        acknowledged.extend(id.map(str::to_owned));
        if acknowledged.len() == acknowledgements {
            writer.kill().unwrap();
        }
    }
    writer.wait().unwrap();
    acknowledged
}

/// Commits in the current directory until it is killed, and prints what was acknowledged. Does nothing by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by every_acknowledged_commit_survives_a_killed_process"]
async fn the_writer_that_gets_killed() {
    let dir = std::env::current_dir().unwrap();
    if !dir.join(MARKER).exists() {
        return;
    }
    let store = Arc::new(Store::open(&dir).unwrap());
    let write = |writer: usize, store: Arc<Store>| async move {
        for i in 0..10_000 {
            let id = format!("{writer}-{i}");
            let create = Write::create(Key::new("acknowledged", &id), &json!({"i": i})).unwrap();
            store.commit(vec![create]).await.unwrap();
            println!("acknowledged {id};");
        }
    };
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(writer, store.clone()))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}
