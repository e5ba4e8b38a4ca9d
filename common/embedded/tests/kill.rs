//! A killed process loses nothing that it has acknowledged.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use embedded::Store;
use ports::{Documents as _, Query};

#[tokio::test]
async fn every_acknowledged_commit_survives_a_killed_process() {
    for acknowledgements in [1, 50, 400] {
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = kill_after(acknowledgements, dir.path());
        assert!(acknowledged.len() >= acknowledgements);
        let store = Store::open(dir.path()).unwrap();
        let stored =
            store.query(&Query::collection("acknowledged").limit(usize::MAX)).await.unwrap();
        let stored: BTreeSet<_> = stored.into_iter().map(|document| document.key.id).collect();
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

/// The example `committer`, which is built with this test.
fn committer() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join("committer")
}

/// Starts a writer on `dir`, kills it after this many acknowledgements, and returns all it printed.
fn kill_after(acknowledgements: usize, dir: &Path) -> BTreeSet<String> {
    let mut writer = Command::new(committer()).arg(dir).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeSet::new();
    for line in lines {
        // A line cut by the kill has no closing `;`, so it does not count.
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
