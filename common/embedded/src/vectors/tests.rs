//! Tests of the index by the contract, and against a full scan of every component.

use super::*;

#[tokio::test]
async fn keeps_the_contract() {
    let dirs = Mutex::new(Vec::new());
    let make = async || {
        let dir = tempfile::tempdir().unwrap();
        let index = VectorScan::new(&Store::open(dir.path()).unwrap());
        dirs.lock().unwrap().push(dir);
        Arc::new(index)
    };
    testkit::contract::vectors::all(make).await;
}

#[tokio::test]
async fn a_restart_finds_the_last_write() {
    let dir = tempfile::tempdir().unwrap();
    let business = BusinessId::new("a").unwrap();
    let item = |id: &str, component: usize, lang: &str| {
        let mut embedding = vec![0.0; DIMENSIONS];
        embedding[component] = 0.5;
        let metadata = serde_json::Map::from_iter([("lang".to_owned(), lang.into())]);
        VectorItem { id: id.into(), embedding, metadata }
    };
    let index = VectorScan::new(&Store::open(dir.path()).unwrap());
    index.upsert(&business, vec![item("x", 0, "de"), item("y", 0, "en")]).await.unwrap();
    index.upsert(&business, vec![item("x", 7, "en")]).await.unwrap();
    index.delete(&business, &["y".into()]).await.unwrap();

    let reopened = VectorScan::new(&Store::open(dir.path()).unwrap());
    let filter = serde_json::from_value(serde_json::json!({"lang": "en"})).unwrap();
    let query = VectorQuery { business, embedding: item("x", 7, "en").embedding, top_k: 5, filter };
    assert_eq!(reopened.search(&query).await, Ok(vec![Neighbour { id: "x".into(), score: 1.0 }]));
}

#[tokio::test]
async fn the_least_recently_searched_index_is_evicted() {
    let dir = tempfile::tempdir().unwrap();
    let index =
        VectorScan { most_in_memory: 2, ..VectorScan::new(&Store::open(dir.path()).unwrap()) };
    let business = |name: &str| BusinessId::new(name).unwrap();
    for name in ["a", "b", "c"] {
        let item = VectorItem {
            id: name.into(),
            embedding: vec![1.0; DIMENSIONS],
            metadata: serde_json::Map::new(),
        };
        index.upsert(&business(name), vec![item]).await.unwrap();
    }
    for (name, in_memory) in [("a", "a"), ("b", "ab"), ("a", "ab"), ("c", "ac"), ("b", "bc")] {
        let filter = domain::vector::Filter::default();
        let query = VectorQuery {
            business: business(name),
            embedding: vec![1.0; DIMENSIONS],
            top_k: 1,
            filter,
        };
        assert_eq!(index.search(&query).await.unwrap()[0].id, name);
        let mut left = String::new();
        for name in ["a", "b", "c"] {
            let vectors =
                index.tenants.lock().unwrap().by_business[&business(name)].vectors.clone();
            left.extend(vectors.read().await.as_ref().map(|_| name));
        }
        assert_eq!(left, in_memory, "after {name}");
    }
}

/// Reference data in clusters, like those of texts about a few subjects, so that the nearest
/// vectors are close to each other.
struct Reference {
    index: VectorScan,
    items: std::collections::BTreeMap<String, VectorItem>,
    random: u32,
    _dir: tempfile::TempDir,
}

impl Reference {
    const BUSINESS: &str = "a";

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = VectorScan::new(&Store::open(dir.path()).unwrap());
        Self { index, items: std::collections::BTreeMap::default(), random: 1, _dir: dir }
    }

    /// A number from −1 to 1 by a linear congruential generator; the same in every run.
    fn next(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(self.random >> 16).unwrap()) / 32_767.5 - 1.0
    }

    /// A vector of a cluster; those of cluster 0 are nearly equal.
    fn vector(&mut self, cluster: u16) -> Vec<f32> {
        let spread = if cluster == 0 { 1e-4 } else { 0.4 };
        let centre =
            |at: usize| (f32::from(cluster + 1) * f32::from(u16::try_from(at).unwrap())).sin();
        (0..DIMENSIONS).map(|at| centre(at) + spread * self.next()).collect()
    }

    async fn upsert(&mut self, ids: std::ops::Range<u16>, clusters: u16) {
        let business = BusinessId::new(Self::BUSINESS).unwrap();
        let mut items = Vec::new();
        for id in ids {
            let metadata = serde_json::Map::from_iter([("odd".to_owned(), (id % 2 == 1).into())]);
            items.push(VectorItem {
                id: format!("{id:04}"),
                embedding: self.vector(id % clusters),
                metadata,
            });
        }
        self.items.extend(items.iter().map(|item| (item.id.clone(), item.clone())));
        self.index.upsert(&business, items).await.unwrap();
    }

    async fn delete(&mut self, ids: std::ops::Range<u16>) {
        let ids: Vec<String> = ids.map(|id| format!("{id:04}")).collect();
        self.items.retain(|id, _| !ids.contains(id));
        self.index.delete(&BusinessId::new(Self::BUSINESS).unwrap(), &ids).await.unwrap();
    }

    /// Searches give exactly the results of a scan that scores every vector in full.
    async fn check(&mut self, clusters: u16) {
        for (cluster, filter) in
            (0..clusters).flat_map(|cluster| [(cluster, "{}"), (cluster, r#"{"odd": true}"#)])
        {
            let business = BusinessId::new(Self::BUSINESS).unwrap();
            let filter: domain::vector::Filter = serde_json::from_str(filter).unwrap();
            let query =
                VectorQuery { business, embedding: self.vector(cluster), top_k: 10, filter };
            let unit = exact::normalised(&query.embedding);
            let left = self.items.values().filter(|item| query.filter.matches(&item.metadata));
            let mut scores: Vec<Neighbour> = left
                .map(|item| {
                    let score =
                        exact::dot(&unit, &exact::normalised(&item.embedding)).clamp(-1.0, 1.0);
                    Neighbour { id: item.id.clone(), score }
                })
                .collect();
            scores.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
            scores.truncate(10);
            assert_eq!(self.index.search(&query).await.unwrap(), scores, "cluster {cluster}");
        }
    }
}

#[tokio::test]
async fn every_search_is_exact_through_upserts_deletes_and_filters() {
    let mut reference = Reference::new();
    reference.upsert(0..600, 6).await;
    reference.check(6).await;
    reference.delete(100..250).await;
    reference.upsert(500..700, 4).await;
    reference.check(6).await;
}
