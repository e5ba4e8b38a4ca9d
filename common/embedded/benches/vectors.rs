//! Benchmarks of searches over 1,000, 10,000 and 100,000 vectors of one business: time, memory and
//! exactness. `cargo bench --bench vectors [-- COUNT…]`
#![expect(clippy::expect_used, reason = "a benchmark that cannot run should say why")]
#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domain::{
    BusinessId,
    vector::{DIMENSIONS, Filter},
};
use embedded::{Store, VectorScan};
use ports::{VectorIndex, VectorItem, VectorQuery};
use serde_json::Map;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CLUSTERS: usize = 64;
const QUERIES: usize = 200;
/// Queries whose results are compared with a full scan.
const CHECKED: usize = 25;
const TOP_K: usize = 10;
const BATCH: usize = 1_000;

fn main() {
    let named: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let counts = if named.is_empty() { vec![1_000, 10_000, 100_000] } else { named };
    println!("| vectors | p50 | p99 | recall@{TOP_K} | memory | first search | upserts a second |");
    println!("|---|---|---|---|---|---|---|");
    for count in counts {
        measure(count);
    }
}

fn measure(count: usize) {
    let runtime = Runtime::new().expect("a runtime starts");
    // In the source directory, because `/tmp` is often in memory, where an fsync costs nothing.
    let dir = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).expect("a directory can be made");
    let business = BusinessId::new("acme").expect("an id");
    let mut vectors = Vectors::new();
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| vectors.next()).collect();
    let mut plain: Vec<Vec<(f32, String)>> = vec![Vec::new(); CHECKED];
    let mut upserting = Duration::ZERO;
    {
        let index = VectorScan::new(&Store::open(dir.path()).expect("the store opens"));
        for first in (0..count).step_by(BATCH) {
            let item = |i: usize| VectorItem {
                id: i.to_string(),
                embedding: vectors.next(),
                metadata: Map::new(),
            };
            let items: Vec<VectorItem> = (first..count.min(first + BATCH)).map(item).collect();
            for (query, best) in queries.iter().zip(&mut plain) {
                best.extend(
                    items.iter().map(|item| (cosine(query, &item.embedding), item.id.clone())),
                );
                best.sort_by(|a, b| b.0.total_cmp(&a.0));
                best.truncate(TOP_K);
            }
            let start = Instant::now();
            runtime.block_on(index.upsert(&business, items)).expect("the vectors are stored");
            upserting += start.elapsed();
        }
    }
    let before = resident();
    let index = VectorScan::new(&Store::open(dir.path()).expect("the store opens"));
    let query = |embedding: &Vec<f32>| {
        let (business, embedding) = (business.clone(), embedding.clone());
        VectorQuery { business, embedding, top_k: TOP_K, filter: Filter::default() }
    };
    let search = |embedding: &Vec<f32>| {
        let (query, start) = (query(embedding), Instant::now());
        let found = runtime.block_on(index.search(&query)).expect("the index answers");
        (start.elapsed(), found)
    };
    let (first, _) = search(&queries[0]);
    let memory = resident().saturating_sub(before);
    let mut hits = 0;
    let mut times: Vec<Duration> = Vec::new();
    for (number, query) in queries.iter().enumerate() {
        let (time, found) = search(query);
        times.push(time);
        let found: BTreeSet<String> = found.into_iter().map(|neighbour| neighbour.id).collect();
        hits += plain
            .get(number)
            .map_or(0, |best| best.iter().filter(|(_, id)| found.contains(id)).count());
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let wanted = f64::from(u32::try_from(CHECKED * TOP_K).expect("small"));
    println!(
        "| {count} | {:.2} ms | {:.2} ms | {:.3} | {} MB | {:.0} ms | {:.0} |",
        ms(times[QUERIES / 2]),
        ms(times[QUERIES * 99 / 100]),
        f64::from(u32::try_from(hits).expect("small")) / wanted,
        memory / 1_000,
        ms(first),
        f64::from(u32::try_from(count).expect("small")) / upserting.as_secs_f64(),
    );
}

/// Resident memory of the process in KB, where `/proc` is available.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|kilobytes| kilobytes.parse().ok())
        .unwrap_or(0)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| {
        let mut sums = [0.0_f32; 32];
        for (a, b) in a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0) {
            for lane in 0..32 {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.iter().sum::<f32>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Vectors in clusters, like those of texts about a few dozen subjects; the same in every run.
struct Vectors {
    centres: Vec<Vec<f32>>,
    random: u32,
}

impl Vectors {
    fn new() -> Self {
        let mut vectors = Self { centres: Vec::new(), random: 1 };
        for _ in 0..CLUSTERS {
            let centre = (0..DIMENSIONS).map(|_| vectors.uniform()).collect();
            vectors.centres.push(centre);
        }
        vectors
    }

    fn uniform(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(self.random >> 16).expect("sixteen bits")) / 32_767.5 - 1.0
    }

    fn next(&mut self) -> Vec<f32> {
        self.uniform();
        let cluster = usize::try_from(self.random >> 20).expect("a small number") % CLUSTERS;
        (0..DIMENSIONS).map(|at| self.centres[cluster][at] + 0.8 * self.uniform()).collect()
    }
}
