//! Queries: typed conditions, stable order, pages.

use ports::{
    Key, Precondition, Query, StoreError, Write,
    documents::{Comparison, Cursor, Direction},
};
use serde_json::{Value, json};

use super::{Store, commit, create, ids};

/// Runs every behaviour of this module.
pub async fn all(make: impl AsyncFn() -> Store) {
    a_collection_is_read_by_id(make().await).await;
    conditions_compare_values_of_one_type(make().await).await;
    all_conditions_must_hold(make().await).await;
    order_is_by_field_then_id_both_ways(make().await).await;
    pages_follow_each_other_without_gap_or_repeat(make().await).await;
    one_document_can_be_queried(make().await).await;
    what_a_query_finds_follows_every_change(make().await).await;
    nested_collections_are_kept_apart(make().await).await;
    a_query_that_makes_no_sense_is_refused(make().await).await;
}

async fn fill(store: &Store, collection: &str, documents: &[(&str, Value)]) {
    for (id, body) in documents {
        create(store, &Key::new(collection, *id), body).await;
    }
}

/// Without an order, documents come by id, up to the limit.
pub async fn a_collection_is_read_by_id(store: Store) {
    fill(
        &store,
        "queries_ids",
        &[("b", json!({})), ("a", json!({})), ("B", json!({})), ("a1", json!({}))],
    )
    .await;
    let query = Query::collection("queries_ids");
    assert_eq!(ids(&store, &query).await, ["B", "a", "a1", "b"]);
    assert_eq!(ids(&store, &query.limit(2)).await, ["B", "a"]);
    assert!(ids(&store, &Query::collection("queries_nobody")).await.is_empty());
}

/// Every comparison on texts, integers and booleans; other types and missing fields do not match.
pub async fn conditions_compare_values_of_one_type(store: Store) {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let documents = [
        ("int1", json!({"f": 1})),
        ("int2", json!({"f": 2})),
        ("int3", json!({"f": 3})),
        ("no", json!({"f": false})),
        ("null", json!({"f": null})),
        ("text1", json!({"f": "1"})),
        ("text2", json!({"f": "2"})),
        ("texté", json!({"f": "é'\"%"})),
        ("without", json!({"g": 1})),
        ("yes", json!({"f": true})),
    ];
    // A store may keep some fields in columns of their own.
    for field in ["f", "business"] {
        let named = |body: &Value| {
            body.get("f").map_or_else(|| body.clone(), |value| json!({ field: value }))
        };
        let documents: Vec<_> = documents.iter().map(|(id, body)| (*id, named(body))).collect();
        fill(&store, &format!("queries_types_{field}"), &documents).await;
    }
    let cases: [(Comparison, Value, &[&str]); 15] = [
        (Equal, json!(2), &["int2"]),
        (Less, json!(2), &["int1"]),
        (LessOrEqual, json!(2), &["int1", "int2"]),
        (Greater, json!(2), &["int3"]),
        (GreaterOrEqual, json!(2), &["int2", "int3"]),
        (Equal, json!("1"), &["text1"]),
        (Equal, json!("é'\"%"), &["texté"]),
        (Less, json!("2"), &["text1"]),
        (LessOrEqual, json!("2"), &["text1", "text2"]),
        (Greater, json!("1"), &["text2", "texté"]),
        (GreaterOrEqual, json!("2"), &["text2", "texté"]),
        (Equal, json!(true), &["yes"]),
        (Equal, json!(false), &["no"]),
        (LessOrEqual, json!(true), &["no", "yes"]),
        (Greater, json!(false), &["yes"]),
    ];
    for (field, (comparison, value, expected)) in
        ["f", "business"].into_iter().flat_map(|it| cases.iter().map(move |case| (it, case)))
    {
        let query = Query::collection(format!("queries_types_{field}")).filter(
            field,
            *comparison,
            value.clone(),
        );
        let query =
            if *comparison == Equal { query } else { query.order(field, Direction::Ascending) };
        assert_eq!(ids(&store, &query).await, *expected, "{field} {comparison:?} {value}");
    }
}

/// A query sees a document's current fields: after a replacement, a merge, the removal of a field.
pub async fn what_a_query_finds_follows_every_change(store: Store) {
    for field in ["n", "sweep_at"] {
        let collection = format!("queries_changes_{field}");
        let key = Key::new(&collection, "a");
        let found = async |value: &str| {
            let due = Query::collection(&collection).filter(field, Comparison::LessOrEqual, value);
            !ids(&store, &due.order(field, Direction::Ascending)).await.is_empty()
        };
        let first = create(&store, &key, &json!({ field: "2" })).await;
        assert_eq!((found("1").await, found("2").await), (false, true), "{field}");
        let later = Write::replace(key.clone(), first, &json!({ field: "3" })).unwrap();
        let second = commit(&store, later).await.unwrap();
        assert_eq!((found("2").await, found("3").await), (false, true), "{field}");
        let sooner = Write::merge(key.clone(), Precondition::Version(second)).set(field, "1");
        commit(&store, sooner).await.unwrap();
        assert!(found("1").await, "{field}");
        commit(&store, Write::merge(key, Precondition::Exists).unset(field)).await.unwrap();
        assert!(!found("9").await, "{field}");
    }
}

/// Conditions on several fields, together with an order on one of them.
pub async fn all_conditions_must_hold(store: Store) {
    let documents = [
        ("a", json!({"business": "x", "due": "2026-01-03"})),
        ("b", json!({"business": "x", "due": "2026-01-01"})),
        ("c", json!({"business": "y", "due": "2026-01-01"})),
        ("d", json!({"business": "x"})),
        ("e", json!({"business": "x", "due": "2026-02-01"})),
    ];
    fill(&store, "queries_all", &documents).await;
    let query =
        Query::collection("queries_all").equal("business", "x").order("due", Direction::Ascending);
    assert_eq!(ids(&store, &query).await, ["b", "a", "e"]);
    let due = query.filter("due", Comparison::LessOrEqual, "2026-01-31");
    assert_eq!(ids(&store, &due).await, ["b", "a"]);
}

fn ties() -> [(&'static str, Value); 6] {
    [("c", 2), ("a", 2), ("b", 1), ("e", 3), ("d", 2), ("without", 0)]
        .map(|(id, n)| (id, if n == 0 { json!({}) } else { json!({"n": n}) }))
}

/// Ties are ordered by id in the direction of the order; a document without the field is left out.
pub async fn order_is_by_field_then_id_both_ways(store: Store) {
    fill(&store, "queries_order", &ties()).await;
    let query = Query::collection("queries_order");
    assert_eq!(
        ids(&store, &query.clone().order("n", Direction::Ascending)).await,
        ["b", "a", "c", "d", "e"]
    );
    assert_eq!(
        ids(&store, &query.order("n", Direction::Descending)).await,
        ["e", "d", "c", "a", "b"]
    );
}

/// A cursor continues right after the last document, also within ties.
pub async fn pages_follow_each_other_without_gap_or_repeat(store: Store) {
    fill(&store, "queries_pages", &ties()).await;
    let by_id = Query::collection("queries_pages");
    let by_field = |direction| by_id.clone().order("n", direction);
    let cases = [
        (by_id.clone(), vec!["a", "b", "c", "d", "e", "without"]),
        (by_field(Direction::Ascending), vec!["b", "a", "c", "d", "e"]),
        (by_field(Direction::Descending), vec!["e", "d", "c", "a", "b"]),
    ];
    for (query, expected) in cases {
        for limit in 1..=3 {
            let mut page = query.clone().limit(limit);
            let mut seen = Vec::new();
            while let Some(last) = store.query(&page).await.unwrap().pop() {
                seen.extend(ids(&store, &page).await);
                page = page.after(&last);
            }
            assert_eq!(seen, expected, "pages of {limit}: {query:?}");
        }
    }
}

/// A query for one key finds that document, if it matches.
pub async fn one_document_can_be_queried(store: Store) {
    fill(&store, "queries_one", &[("a", json!({"n": 1})), ("b", json!({"n": 2}))]).await;
    let query = Query::document(&Key::new("queries_one", "b"));
    assert_eq!(ids(&store, &query).await, ["b"]);
    assert!(ids(&store, &query.equal("n", 1)).await.is_empty());
    assert!(ids(&store, &Query::document(&Key::new("queries_one", "c"))).await.is_empty());
}

/// `tasks`, `tasks/1/events` and `tasks/10/events` are separate collections.
pub async fn nested_collections_are_kept_apart(store: Store) {
    fill(&store, "queries_nested", &[("1", json!({})), ("10", json!({}))]).await;
    fill(&store, "queries_nested/1/events", &[("a", json!({})), ("b", json!({}))]).await;
    fill(&store, "queries_nested/10/events", &[("c", json!({}))]).await;
    assert_eq!(ids(&store, &Query::collection("queries_nested")).await, ["1", "10"]);
    assert_eq!(ids(&store, &Query::collection("queries_nested/1/events")).await, ["a", "b"]);
    assert_eq!(ids(&store, &Query::collection("queries_nested/10/events")).await, ["c"]);
}

/// Values without an order on every store, conditions without their order, and cursors of another
/// query.
pub async fn a_query_that_makes_no_sense_is_refused(store: Store) {
    fill(&store, "queries_sense", &[("a", json!({"f": 1}))]).await;
    let query = Query::collection("queries_sense");
    let unordered_cursor =
        Query { after: Some(Cursor { value: Some(json!(1)), id: "a".into() }), ..query.clone() };
    let cursor_without_value =
        Query { after: Some(Cursor { value: None, id: "a".into() }), ..query.clone() };
    let refused = [
        query.clone().filter("f", Comparison::Less, 1),
        query.clone().filter("f", Comparison::Less, 1).order("g", Direction::Ascending),
        query.clone().equal("f", json!([1])),
        query.clone().equal("f", Value::Null),
        query.equal("f", json!({"a": 1})),
        unordered_cursor,
        cursor_without_value.order("f", Direction::Ascending),
    ];
    for query in refused {
        let outcome = store.query(&query).await;
        assert!(matches!(outcome, Err(StoreError::Invalid { .. })), "{query:?}: {outcome:?}");
    }
}
