//! The contract of every [`VectorIndex`].

use std::{collections::BTreeMap, sync::Arc};

use domain::{BusinessId, vector::DIMENSIONS};
use ports::{VectorError, VectorIndex, VectorItem, VectorQuery};
use serde_json::{Value, json};

type Index = Arc<dyn VectorIndex>;

/// Runs every behaviour, each on an empty index from `make`.
pub async fn all<I: VectorIndex + 'static>(make: impl AsyncFn() -> Arc<I>) {
    let make = async || make().await as Index;
    nearest_come_first(make().await).await;
    ties_go_by_id(make().await).await;
    a_business_sees_only_its_own_vectors(make().await).await;
    filters_choose_before_the_page_is_cut(make().await).await;
    an_upsert_replaces_vector_and_metadata(make().await).await;
    deleted_vectors_are_not_found(make().await).await;
    what_has_no_direction_or_size_is_refused(make().await).await;
    for seed in 1..=3 {
        whatever_several_businesses_do_they_stay_apart(make().await, seed).await;
    }
}

/// A vector with these first components; the rest are zero.
fn vector(components: &[f32]) -> Vec<f32> {
    let mut vector = components.to_vec();
    vector.resize(DIMENSIONS, 0.0);
    vector
}

fn item(id: &str, components: &[f32], metadata: Value) -> VectorItem {
    let Value::Object(metadata) = metadata else { panic!("metadata is an object") };
    VectorItem { id: id.into(), embedding: vector(components), metadata }
}

fn business(id: &str) -> BusinessId {
    BusinessId::new(id).unwrap()
}

fn query(owner: &str, components: &[f32], top_k: usize) -> VectorQuery {
    let filter = domain::vector::Filter::default();
    VectorQuery { business: business(owner), embedding: vector(components), top_k, filter }
}

async fn found(index: &Index, query: &VectorQuery) -> Vec<String> {
    index.search(query).await.unwrap().into_iter().map(|neighbour| neighbour.id).collect()
}

/// Results are ordered and scored by cosine similarity, whatever the lengths, among many vectors.
pub async fn nearest_come_first(index: Index) {
    // Vectors on a quarter circle: the smaller the angle to the first axis, the higher the
    // similarity. Lengths differ on purpose.
    let angle = |i: u16| std::f32::consts::FRAC_PI_2 * f32::from(i) / 200.0;
    let on_circle = |i: u16| {
        let length = f32::from(i % 7 + 1);
        item(&format!("{i:03}"), &[length * angle(i).cos(), length * angle(i).sin()], json!({}))
    };
    index.upsert(&business("a"), (0..200).rev().map(on_circle).collect()).await.unwrap();
    let neighbours = index.search(&query("a", &[5.0], 120)).await.unwrap();
    let expected: Vec<_> = (0..120).map(|i| format!("{i:03}")).collect();
    assert_eq!(
        neighbours.iter().map(|neighbour| neighbour.id.clone()).collect::<Vec<_>>(),
        expected
    );
    for (i, neighbour) in (0..120).zip(&neighbours) {
        assert!((neighbour.score - angle(i).cos()).abs() < 1e-5, "{neighbour:?}");
    }
    let opposite = index.search(&query("a", &[-1.0], 200)).await.unwrap();
    assert!(
        (opposite[199].score + 1.0).abs() < 1e-5 && opposite[199].id == "000",
        "{:?}",
        opposite[199]
    );
}

/// Vectors with the same direction are ordered by id.
pub async fn ties_go_by_id(index: Index) {
    let items = ["c", "a", "d", "b"].map(|id| item(id, &[1.0, 1.0], json!({})));
    index.upsert(&business("a"), items.into()).await.unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 3)).await, ["a", "b", "c"]);
}

/// Searching, writing and deleting do not reach another business, even under the same id.
pub async fn a_business_sees_only_its_own_vectors(index: Index) {
    index
        .upsert(
            &business("a"),
            vec![item("same", &[1.0], json!({})), item("a1", &[1.0], json!({}))],
        )
        .await
        .unwrap();
    index.upsert(&business("b"), vec![item("same", &[0.0, 1.0], json!({}))]).await.unwrap();
    index.delete(&business("b"), &["a1".into()]).await.unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 10)).await, ["a1", "same"]);
    let of_b = index.search(&query("b", &[1.0], 10)).await.unwrap();
    assert_eq!((of_b.len(), of_b[0].id.as_str()), (1, "same"));
    assert!(of_b[0].score.abs() < 1e-5, "{of_b:?}");
    assert!(found(&index, &query("nobody", &[1.0], 10)).await.is_empty());
}

/// Random upserts, deletes and searches by businesses that use the same ids: each finds exactly its
/// own vectors.
pub async fn whatever_several_businesses_do_they_stay_apart(index: Index, seed: u64) {
    let mut state = seed;
    let mut dice = |sides: u64| {
        // A linear congruential generator with Knuth's constants; the upper bits are the random
        // ones.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let mut kept: BTreeMap<&str, BTreeMap<String, Vec<f32>>> = BTreeMap::new();
    for _ in 0..60 {
        let owner = ["a", "b", "a.b"][usize::try_from(dice(3)).unwrap()];
        let own = kept.entry(owner).or_default();
        let id = format!("v{}", dice(6));
        let mut component = || f32::from(u8::try_from(dice(9)).unwrap()) - 4.0;
        // The last component keeps every vector from being zero.
        let components = vec![component(), component(), 0.5];
        match dice(4) {
            0 => {
                index.delete(&business(owner), std::slice::from_ref(&id)).await.unwrap();
                own.remove(&id);
            }
            1 => {
                let found = index.search(&query(owner, &components, 1_000)).await.unwrap();
                let mut expected: Vec<(&String, f32)> =
                    own.iter().map(|(id, vector)| (id, cosine(vector, &components))).collect();
                expected.sort_by(|one, other| one.0.cmp(other.0));
                assert!(
                    found.is_sorted_by(|one, other| one.score >= other.score),
                    "seed {seed}: {found:?}"
                );
                let mut found: Vec<_> =
                    found.iter().map(|neighbour| (&neighbour.id, neighbour.score)).collect();
                found.sort_by(|one, other| one.0.cmp(other.0));
                assert_eq!(
                    found.len(),
                    expected.len(),
                    "seed {seed}, {owner}: {found:?} {expected:?}"
                );
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(
                        found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-5,
                        "{found:?} {expected:?}"
                    );
                }
            }
            _ => {
                index
                    .upsert(&business(owner), vec![item(&id, &components, json!({}))])
                    .await
                    .unwrap();
                own.insert(id, components);
            }
        }
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| {
        one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>()
    };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// The nearest matching vectors are found even behind many nearer ones that do not match.
pub async fn filters_choose_before_the_page_is_cut(index: Index) {
    let near =
        (0..50).map(|i| item(&format!("near{i}"), &[1.0], json!({"lang": "de", "year": 2020})));
    let far = (0..3)
        .map(|i| item(&format!("far{i}"), &[0.1, 1.0], json!({"lang": "en", "year": 2023 + i})));
    index.upsert(&business("a"), near.chain(far).collect()).await.unwrap();
    let filtered = |filter: Value| VectorQuery {
        filter: serde_json::from_value(filter).unwrap(),
        ..query("a", &[1.0], 2)
    };
    assert_eq!(found(&index, &filtered(json!({"lang": "en"}))).await, ["far0", "far1"]);
    assert_eq!(
        found(&index, &filtered(json!({"lang": {"in": ["en"]}, "year": {"gt": 2023}}))).await,
        ["far1", "far2"]
    );
    assert_eq!(
        found(&index, &filtered(json!({"lang": {"not": ["de"]}, "year": 2025}))).await,
        ["far2"]
    );
    assert!(found(&index, &filtered(json!({"missing": true}))).await.is_empty());
}

/// A second upsert of an id replaces the vector.
pub async fn an_upsert_replaces_vector_and_metadata(index: Index) {
    let items = vec![
        item("x", &[1.0], json!({"lang": "de"})),
        item("y", &[0.5, 1.0], json!({"lang": "de"})),
    ];
    index.upsert(&business("a"), items).await.unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 10)).await, ["x", "y"]);
    index
        .upsert(&business("a"), vec![item("x", &[0.0, 1.0], json!({"lang": "en"}))])
        .await
        .unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 10)).await, ["y", "x"]);
    let filter = serde_json::from_value(json!({"lang": "de"})).unwrap();
    assert_eq!(found(&index, &VectorQuery { filter, ..query("a", &[1.0], 10) }).await, ["y"]);
}

pub async fn deleted_vectors_are_not_found(index: Index) {
    let items = ["a", "b", "c", "d"].map(|id| item(id, &[1.0], json!({})));
    index.upsert(&business("a"), items.into()).await.unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 10)).await.len(), 4);
    index.delete(&business("a"), &["a".into(), "nobody".into(), "c".into()]).await.unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 10)).await, ["b", "d"]);
}

/// Refused: wrong dimensions, zero and non-finite vectors, and page sizes outside 1 to 1000; a
/// refused upsert stores nothing.
pub async fn what_has_no_direction_or_size_is_refused(index: Index) {
    let short = vec![1.0; DIMENSIONS - 1];
    for embedding in
        [short, Vec::new(), vector(&[0.0]), vector(&[f32::NAN]), vector(&[f32::INFINITY])]
    {
        let bad = VectorItem { embedding: embedding.clone(), ..item("bad", &[1.0], json!({})) };
        let outcome =
            index.upsert(&business("a"), vec![item("good", &[1.0], json!({})), bad]).await;
        assert!(matches!(outcome, Err(VectorError::Invalid(_))), "{outcome:?}");
        let outcome = index.search(&VectorQuery { embedding, ..query("a", &[1.0], 1) }).await;
        assert!(matches!(outcome, Err(VectorError::Invalid(_))), "{outcome:?}");
    }
    assert!(found(&index, &query("a", &[1.0], 10)).await.is_empty());
    for top_k in [0, 1001] {
        let outcome = index.search(&query("a", &[1.0], top_k)).await;
        assert!(matches!(outcome, Err(VectorError::Invalid(_))), "top_k {top_k}: {outcome:?}");
    }
    index.upsert(&business("a"), vec![item("good", &[1.0], json!({}))]).await.unwrap();
    assert_eq!(found(&index, &query("a", &[1.0], 1000)).await, ["good"]);
}
