//! Tests of vectors in Vertex AI Vector Search, against a stub server of its REST API.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod described;
mod faults;
mod filters;
mod index;
mod stub;
mod wire;

use domain::{BusinessId, vector::DIMENSIONS};
use gcp::VertexVectors;
use ports::{VectorError, VectorIndex as _, VectorItem, VectorQuery};
use serde_json::{Value, json};

use stub::VertexStub;

fn business(name: &str) -> BusinessId {
    BusinessId::new(name).unwrap()
}

fn vector(components: &[f32]) -> Vec<f32> {
    let mut vector = components.to_vec();
    vector.resize(DIMENSIONS, 0.0);
    vector
}

fn item(id: &str, components: &[f32], metadata: &Value) -> VectorItem {
    VectorItem {
        id: id.into(),
        embedding: vector(components),
        metadata: metadata.as_object().unwrap().clone(),
    }
}

/// A search by `acme` along the first axis.
fn query(filter: Value, top_k: usize) -> VectorQuery {
    let filter = serde_json::from_value(filter).unwrap();
    VectorQuery { business: business("acme"), embedding: vector(&[1.0]), top_k, filter }
}

async fn ids(index: &VertexVectors, query: &VectorQuery) -> Result<Vec<String>, VectorError> {
    Ok(index.search(query).await?.into_iter().map(|neighbour| neighbour.id).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn vertex_searches_vectors_as_every_index_does() {
    testkit::contract::vectors::all(async || VertexStub::start().await.1).await;
}

#[tokio::test]
async fn every_request_names_the_business_whatever_the_metadata_says() {
    let (stub, index) = VertexStub::start().await;
    let forged = json!({"business_id": "other", "metadata.business_id": "other", "": "other"});
    index.upsert(&business("acme"), vec![item("x", &[1.0], &forged)]).await.unwrap();
    index.upsert(&business("other"), vec![item("x", &[1.0], &json!({}))]).await.unwrap();
    assert_eq!(ids(&index, &query(json!({"business_id": "other"}), 9)).await.unwrap(), ["x"]);
    assert!(ids(&index, &query(json!({"business_id": "acme"}), 9)).await.unwrap().is_empty());

    let owner = |point: &Value| {
        let restricts = point["restricts"].as_array().unwrap();
        let owners = restricts.iter().filter(|restrict| restrict["namespace"] == "business_id");
        owners.cloned().collect::<Vec<_>>()
    };
    let of = |name: &str| vec![json!({"namespace": "business_id", "allowList": [name]})];
    let stored = stub.bodies("upsertDatapoints");
    assert_eq!(
        stored.iter().map(|body| owner(&body["datapoints"][0])).collect::<Vec<_>>(),
        [of("acme"), of("other")]
    );
    assert_eq!(stored[1]["datapoints"][0]["datapointId"], "other:x");
    let searches = stub.bodies("findNeighbors");
    assert_eq!(searches.len(), 2);
    assert!(searches.iter().all(|body| owner(&body["queries"][0]["datapoint"]) == of("acme")));
}

#[tokio::test]
async fn many_vectors_are_stored_and_removed_in_several_calls() {
    let (stub, index) = VertexStub::start().await;
    let acme = business("acme");
    let long = vec![0.123_456_79; DIMENSIONS];
    let items = (0..1001).map(|i| VectorItem {
        embedding: long.clone(),
        ..item(&i.to_string(), &[1.0], &json!({}))
    });
    index.upsert(&acme, items.collect()).await.unwrap();
    let stored = stub.bodies("upsertDatapoints");
    let sizes: Vec<usize> =
        stored.iter().map(|body| body["datapoints"].as_array().unwrap().len()).collect();
    assert!(sizes.len() > 2 && sizes.iter().sum::<usize>() == 1001, "{sizes:?}");
    assert!(stored.iter().all(|body| body.to_string().len() < 5 * 1024 * 1024));
    assert_eq!(ids(&index, &query(json!({}), 1000)).await.unwrap().len(), 1000);

    index.delete(&acme, &(0..1001).map(|i| i.to_string()).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(stub.bodies("removeDatapoints").len(), 2);
    assert!(ids(&index, &query(json!({}), 10)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_last_of_duplicate_ids_is_stored() {
    let (stub, index) = VertexStub::start().await;
    let twice = vec![item("x", &[0.0, 1.0], &json!({})), item("x", &[1.0], &json!({}))];
    index.upsert(&business("acme"), twice).await.unwrap();
    let found = index.search(&query(json!({}), 5)).await.unwrap();
    assert!(found.len() == 1 && (found[0].score - 1.0).abs() < 1e-6, "{found:?}");
    index.upsert(&business("acme"), Vec::new()).await.unwrap();
    index.delete(&business("acme"), &[]).await.unwrap();
    assert_eq!(
        (stub.bodies("upsertDatapoints").len(), stub.bodies("removeDatapoints").len()),
        (1, 0)
    );
}

#[tokio::test]
async fn ties_beyond_the_limit_are_fetched() {
    let (stub, index) = VertexStub::start().await;
    // The stub returns later ids first, so that a short result holds the wrong ones.
    let items = (0..40).map(|i| item(&format!("{i:02}"), &[1.0, 1.0], &json!({}))).collect();
    index.upsert(&business("acme"), items).await.unwrap();
    assert_eq!(ids(&index, &query(json!({}), 2)).await.unwrap(), ["00", "01"]);
    let counts: Vec<_> = stub
        .bodies("findNeighbors")
        .iter()
        .map(|body| body["queries"][0]["neighborCount"].clone())
        .collect();
    assert_eq!(counts, [20, 1000]);
}
