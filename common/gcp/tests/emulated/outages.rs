//! Tests of Firestore over a connection that breaks at critical moments.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use gcp::{Firestore, FirestoreTarget};
use ports::{Documents, Key, Query, StoreError, Write, documents::Direction};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{emulator, unique};

/// A TCP proxy to the emulator that can be cut, and can drop answers before that.
struct CuttableProxy {
    host: String,
    /// The number of cuts so far.
    cut: watch::Sender<u32>,
    swallow: watch::Sender<bool>,
}

impl CuttableProxy {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (cut, cuts) = watch::channel(0);
        let (swallow, swallows) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((inward, _)) = listener.accept().await {
                let (mut cuts, swallows) = (cuts.clone(), swallows.clone());
                let seen: watch::Receiver<u32> = cuts.clone();
                let born = *cuts.borrow_and_update();
                tokio::spawn(async move {
                    // After a cut nothing passes, even before the proxy's task notices it.
                    let passes = move || !*swallows.borrow() && *seen.borrow() == born;
                    tokio::select! {
                        _ = cuts.changed() => {}
                        () = carry(inward, passes) => {}
                    }
                });
            }
        });
        Self { host, cut, swallow }
    }

    fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(inward: TcpStream, passes: impl Fn() -> bool) {
    let outward = TcpStream::connect(emulator("FIRESTORE_EMULATOR_HOST")).await.unwrap();
    let (mut from_client, mut to_client) = inward.into_split();
    let (mut from_server, mut to_server) = outward.into_split();
    let asks = tokio::io::copy(&mut from_client, &mut to_server);
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if passes() && to_client.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(asks, answers).0.ok();
}

/// The same database through the proxy and directly.
fn both(proxy: &CuttableProxy) -> (Arc<Firestore>, Firestore) {
    let project = unique("outage");
    let at = |host: &str| {
        let target = FirestoreTarget {
            project: project.clone(),
            database: "(default)".into(),
            emulator: Some(host.into()),
        };
        Firestore::new(target, None).unwrap()
    };
    (Arc::new(at(&proxy.host)), at(&emulator("FIRESTORE_EMULATOR_HOST")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_answer_is_an_unknown_outcome() {
    let proxy = CuttableProxy::new().await;
    let (store, direct) = both(&proxy);
    let key = Key::new("calls", "a");
    // The connection exists before the commit, as in a running function.
    assert_eq!(store.get(std::slice::from_ref(&key)).await.unwrap(), [None]);
    proxy.swallow.send_replace(true);
    let committing = {
        let (store, write) =
            (store.clone(), Write::create(key.clone(), &json!({"holder": "me"})).unwrap());
        tokio::spawn(async move { store.commit(vec![write]).await })
    };
    let stored = loop {
        if let Some(document) = direct.get_one(&key).await.unwrap() {
            break document;
        }
    };
    proxy.cut();
    // Answers pass again only after the commit has ended; otherwise one in transit might still
    // arrive.
    let outcome = committing.await.unwrap();
    proxy.swallow.send_replace(false);
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    // Its own write is recognised over a new connection, and it happened once.
    let seen = store.get_one(&key).await.unwrap().unwrap();
    assert_eq!((seen.version, seen.body["holder"].clone()), (stored.version, json!("me")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_survives_a_reconnect_without_a_gap() {
    let proxy = CuttableProxy::new().await;
    let (store, direct) = both(&proxy);
    let create = async |n: i64| {
        let key = Key::new("tasks/t/events", format!("{n:010}"));
        direct.commit(vec![Write::create(key, &json!({"seq": n})).unwrap()]).await.unwrap();
    };
    create(1).await;
    let mut watch =
        store.watch(Query::collection("tasks/t/events").order("seq", Direction::Ascending));
    let mut seen = Vec::new();
    for n in 2..=6 {
        while seen.last() != Some(&(n - 1)) {
            let batch = tokio::time::timeout(Duration::from_secs(30), watch.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            seen.extend(batch.iter().map(|document| document.body["seq"].as_i64().unwrap()));
        }
        // Writes during the disconnect must arrive as well.
        proxy.cut();
        create(n).await;
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}
