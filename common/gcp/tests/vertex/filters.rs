//! Filters on this index find exactly what the domain's `Filter` matches.

use std::collections::BTreeMap;

use domain::vector::{Condition, Filter, Range, Scalar};
use ports::{VectorError, VectorIndex as _, VectorQuery};
use serde_json::{Value, json};

use crate::{business, ids, item, query, stub::VertexStub};

/// Metadata with absent fields, different types, values at bounds, and values that no condition
/// compares.
fn stored() -> Vec<Value> {
    vec![
        json!({}),
        json!({"f": "1"}),
        json!({"f": 1}),
        json!({"f": 1.0, "g": "x"}),
        json!({"f": true}),
        json!({"f": "true"}),
        json!({"f": false}),
        json!({"f": ""}),
        json!({"f": "n:1e0"}),
        json!({"f": 0}),
        json!({"f": -0.0}),
        json!({"f": 0.1}),
        json!({"f": 0.300_000_000_000_000_04}),
        json!({"f": 0.3}),
        json!({"f": -7.5}),
        json!({"f": 9_007_199_254_740_993_u64}),
        json!({"f": 1e300}),
        json!({"f": f64::MIN}),
        json!({"f": null}),
        json!({"f": ["x"], "g": "y"}),
        json!({"f": {"x": 1}}),
        json!({"f": "grün, \"blau\": {1}", "g": 3}),
        json!({"g": 1, "business_id": "acme"}),
    ]
}

fn filters() -> Vec<Value> {
    vec![
        json!({}),
        json!({"f": 1}),
        json!({"f": "1"}),
        json!({"f": true}),
        json!({"f": "true"}),
        json!({"f": ""}),
        json!({"f": 0}),
        json!({"f": 0.3}),
        json!({"f": 0.300_000_000_000_000_04}),
        json!({"f": 9_007_199_254_740_992_u64}),
        json!({"f": "grün, \"blau\": {1}"}),
        json!({"f": {"in": [1, 0.1, -7.5]}}),
        json!({"f": {"in": [1, "1", true]}}),
        json!({"f": {"not": [1]}}),
        json!({"f": {"not": [1, "1", false, 0]}}),
        json!({"missing": {"not": ["x"]}}),
        json!({"missing": {"in": ["x", 1]}}),
        json!({"missing": {"lt": 1}}),
        json!({"f": {"gte": 0}}),
        json!({"f": {"gt": 0}}),
        json!({"f": {"lte": 0.3}}),
        json!({"f": {"lt": 0.3}}),
        json!({"f": {"gte": 0.1, "gt": 0.1, "lte": 1, "lt": 1e300}}),
        json!({"f": {"gt": 1, "lt": 1}}),
        json!({"f": 1, "g": "x"}),
        json!({"f": {"gte": 0}, "g": {"not": ["x"]}}),
        json!({"business_id": "acme"}),
        json!({"business_id": {"not": ["acme"]}, "g": {"in": [1, 3, "y"]}}),
    ]
}

async fn agree(is_loose: bool) {
    let (stub, index) = VertexStub::start().await;
    stub.set(|index| index.is_loose = is_loose);
    let stored = stored();
    let items =
        stored.iter().enumerate().map(|(i, metadata)| item(&format!("{i:02}"), &[1.0], metadata));
    index.upsert(&business("acme"), items.collect()).await.unwrap();
    let mut queries: Vec<VectorQuery> =
        filters().into_iter().map(|filter| query(filter, 30)).collect();
    // Not expressible in JSON, but a caller in this process can construct it.
    for condition in [
        Condition::In { r#in: Vec::new() },
        Condition::Not { not: Vec::new() },
        Condition::Range(Range { gte: None, gt: None, lte: None, lt: None }),
        Condition::Equal(Scalar::Number(f64::NAN)),
        Condition::Not { not: vec![Scalar::Number(f64::INFINITY)] },
    ] {
        let filter = Filter(BTreeMap::from([("f".to_owned(), condition)]));
        queries.push(VectorQuery { filter, ..query(json!({}), 30) });
    }
    for query in queries {
        let matching = stored
            .iter()
            .enumerate()
            .filter(|(_, value)| query.filter.matches(value.as_object().unwrap()));
        let expected: Vec<String> = matching.map(|(i, _)| format!("{i:02}")).collect();
        assert_eq!(ids(&index, &query).await.unwrap(), expected, "{:?}", query.filter);
    }
}

#[tokio::test]
async fn filters_agree_with_the_domain() {
    agree(false).await;
}

#[tokio::test]
async fn results_are_filtered_again_after_the_index() {
    agree(true).await;
}

#[tokio::test]
async fn filters_are_pushed_down_to_the_index() {
    let (stub, index) = VertexStub::start().await;
    let filter =
        json!({"a": "x", "b": {"in": [1, true]}, "c": {"not": ["y"]}, "d": {"gte": 1, "lt": 2.5}});
    index.search(&query(filter, 1)).await.unwrap();
    let wanted = &stub.bodies("findNeighbors")[0]["queries"][0]["datapoint"];
    let tokens = json!([
        {"namespace": "business_id", "allowList": ["acme"]},
        {"namespace": "metadata.a", "allowList": ["s:x"]},
        {"namespace": "metadata.b", "allowList": ["n:1e0", "b:true"]},
        {"namespace": "metadata.c", "denyList": ["s:y"]},
    ]);
    let numbers = json!([
        {"namespace": "number.d", "valueDouble": 1.0, "op": "GREATER_EQUAL"},
        {"namespace": "number.d", "valueDouble": 2.5, "op": "LESS"},
    ]);
    assert_eq!((&wanted["restricts"], &wanted["numericRestricts"]), (&tokens, &numbers));
}

#[tokio::test]
async fn matches_behind_false_positives_are_found_or_logged() {
    let (stub, index) = VertexStub::start().await;
    stub.set(|index| index.is_loose = true);
    let year = json!({"year": {"gte": 2024, "lt": 2026}});
    let near = |i: usize| item(&format!("near{i}"), &[1.0], &json!({"year": 2030}));
    let far = item("far", &[0.1, 1.0], &json!({"year": 2025}));
    index.upsert(&business("acme"), (0..50).map(near).chain([far]).collect()).await.unwrap();
    assert_eq!(ids(&index, &query(year.clone(), 1)).await.unwrap(), ["far"]);

    index.upsert(&business("acme"), (50..1000).map(near).collect()).await.unwrap();
    let missed = ids(&index, &query(year, 1)).await.unwrap_err();
    assert!(
        matches!(&missed, VectorError::InvalidFilter(reason) if reason.starts_with("filter.year: only 0 of")),
        "{missed}"
    );
}

#[tokio::test]
async fn an_infinite_bound_is_refused_with_its_field() {
    let (stub, index) = VertexStub::start().await;
    let range = Range { gte: None, gt: Some(f64::NEG_INFINITY), lte: None, lt: None };
    let filter = Filter(BTreeMap::from([("year".to_owned(), Condition::Range(range))]));
    let refused = index.search(&VectorQuery { filter, ..query(json!({}), 1) }).await;
    assert_eq!(
        refused,
        Err(VectorError::InvalidFilter("filter.year: a bound must be a finite number".into()))
    );
    assert!(stub.bodies("findNeighbors").is_empty());
}

#[tokio::test]
async fn an_empty_list_of_values_makes_no_request() {
    let (stub, index) = VertexStub::start().await;
    let filter = Filter(BTreeMap::from([("lang".to_owned(), Condition::In { r#in: Vec::new() })]));
    assert_eq!(index.search(&VectorQuery { filter, ..query(json!({}), 1) }).await, Ok(Vec::new()));
    assert!(stub.bodies("findNeighbors").is_empty());
}
