//! Benchmarks of commits per second, alone and 64 at a time, and of exact searches.
#![expect(clippy::expect_used, reason = "a benchmark that cannot run should say why")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use divan::{Bencher, counter::ItemsCount};
use domain::{BusinessId, vector::DIMENSIONS};
use embedded::{Store, VectorScan};
use ports::{Documents, Key, VectorIndex, VectorItem, VectorQuery, Write};
use serde_json::{Map, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

struct World {
    runtime: Runtime,
    dir: TempDir,
}

fn world() -> World {
    let runtime = Runtime::new().expect("a runtime starts");
    // In the source directory, because `/tmp` is often in memory, where an fsync costs nothing.
    let dir = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).expect("a directory can be made");
    World { runtime, dir }
}

#[divan::bench(args = [1, 64])]
fn commits(bencher: Bencher<'_, '_>, concurrent: u64) {
    let World { runtime, dir } = world();
    let store = Arc::new(Store::open(dir.path()).expect("the store opens"));
    let next = AtomicU64::new(0);
    bencher.counter(ItemsCount::new(concurrent)).bench(|| {
        let commit = |_| {
            let (store, id) = (store.clone(), next.fetch_add(1, Ordering::Relaxed));
            runtime.spawn(async move {
                let body = json!({"business": "acme", "wake_at": "2026-11-22T09:30:00.000Z", "text": "x".repeat(500)});
                let create = Write::create(Key::new("tasks", id.to_string()), &body);
                store.commit(vec![create.expect("an object")]).await.expect("nothing conflicts");
            })
        };
        let commits: Vec<_> = (0..concurrent).map(commit).collect();
        runtime.block_on(futures::future::join_all(commits));
    });
}

#[divan::bench(args = [1_000, 10_000])]
fn searches(bencher: Bencher<'_, '_>, vectors: u16) {
    let World { runtime, dir } = world();
    let index = VectorScan::new(&Store::open(dir.path()).expect("the store opens"));
    let business = BusinessId::new("acme").expect("an id");
    let embedding = |seed: u16| -> Vec<f32> {
        let steps = std::iter::successors(Some(0.0), |angle| Some(angle + f32::from(seed + 1)));
        steps.map(f32::sin).take(DIMENSIONS).collect()
    };
    let item =
        |i: u16| VectorItem { id: i.to_string(), embedding: embedding(i), metadata: Map::new() };
    runtime
        .block_on(index.upsert(&business, (0..vectors).map(item).collect()))
        .expect("the vectors are stored");
    let query = VectorQuery {
        business,
        embedding: embedding(7),
        top_k: 10,
        filter: domain::vector::Filter::default(),
    };
    runtime.block_on(index.search(&query)).expect("the first search loads");
    bencher.bench(|| runtime.block_on(index.search(&query)));
}
