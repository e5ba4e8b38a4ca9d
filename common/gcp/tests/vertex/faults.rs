//! Tests of refusals, malformed answers and outages.

use axum::http::StatusCode;
use gcp::{Credentials, VertexTarget, VertexVectors};
use ports::{VectorError, VectorIndex as _};
use serde_json::{Value, json};

use crate::{
    business, item, query,
    stub::{VertexStub, error},
};

fn quota() -> (StatusCode, Value) {
    (StatusCode::TOO_MANY_REQUESTS, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"))
}

fn down() -> (StatusCode, Value) {
    (StatusCode::SERVICE_UNAVAILABLE, error(503, "UNAVAILABLE", "later"))
}

#[tokio::test]
async fn a_busy_service_is_retried_once() {
    let (stub, index) = VertexStub::start().await;
    for refusal in [quota(), down()] {
        stub.set(|index| index.refusals.push_back(refusal));
        index.upsert(&business("acme"), vec![item("x", &[1.0], &json!({}))]).await.unwrap();
    }
    assert_eq!(stub.bodies("upsertDatapoints").len(), 4);
    stub.set(|index| index.refusals.push_back(down()));
    assert_eq!(index.search(&query(json!({}), 1)).await.unwrap().len(), 1);

    stub.set(|index| index.refusals.extend([quota(), quota()]));
    let refused = index.search(&query(json!({}), 1)).await;
    let reason = "Vertex AI answered 429 RESOURCE_EXHAUSTED: Quota exceeded";
    assert_eq!(refused, Err(VectorError::Unavailable(reason.into())));
    assert_eq!(stub.bodies("findNeighbors").len(), 4);
}

#[tokio::test]
async fn a_refusal_is_passed_on_without_a_retry() {
    let (stub, index) = VertexStub::start().await;
    let bad = error(400, "INVALID_ARGUMENT", "wrong");
    let secret = error(403, "PERMISSION_DENIED", "who are you?");
    let answers = [
        (StatusCode::BAD_REQUEST, bad),
        (StatusCode::FORBIDDEN, secret),
        (StatusCode::BAD_GATEWAY, json!(7)),
    ];
    stub.set(|index| index.refusals.extend(answers));
    let mut refusals = Vec::new();
    for _ in 0..3 {
        refusals.push(index.delete(&business("acme"), &["x".into()]).await.unwrap_err());
    }
    let expected = [
        VectorError::Invalid("Vertex AI answered 400 INVALID_ARGUMENT: wrong".into()),
        VectorError::Unavailable("Vertex AI answered 403 PERMISSION_DENIED: who are you?".into()),
        VectorError::Unavailable("Vertex AI answered 502".into()),
    ];
    assert_eq!(refusals, expected);
    assert_eq!(stub.bodies("removeDatapoints").len(), 3);
}

#[tokio::test]
async fn an_answer_without_neighbours_finds_nothing() {
    let (stub, index) = VertexStub::start().await;
    for answer in
        [json!({}), json!({"nearestNeighbors": []}), json!({"nearestNeighbors": [{"id": "0"}]})]
    {
        stub.set(|index| index.answer = Some(answer));
        assert_eq!(index.search(&query(json!({}), 5)).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn an_answer_without_business_or_vector_is_ignored() {
    let (stub, index) = VertexStub::start().await;
    let point = |id: &str, owner: &str, embedding: &[f32]| {
        let restricts = json!([{"namespace": "business_id", "allowList": [owner]}]);
        json!({"datapointId": id, "featureVector": embedding, "restricts": restricts})
    };
    let whole = crate::vector(&[1.0]);
    let good = point("acme:x", "acme", &whole);
    for (point, is_used) in [
        (good.clone(), true),
        (point("other:x", "acme", &whole), false),
        (point("acme:x", "other", &whole), false),
        (point("x", "acme", &whole), false),
        (point("acme:x", "acme", &[]), false),
        (json!({"datapointId": "acme:x", "featureVector": whole}), false),
        (json!({"datapointId": "acme:x"}), false),
    ] {
        let answer = json!({"nearestNeighbors": [{"neighbors": [{"datapoint": good}, {"datapoint": point}]}]});
        stub.set(|index| index.answer = Some(answer));
        let outcome = index.search(&query(json!({}), 5)).await;
        match &outcome {
            Ok(found) => assert!(is_used && found.len() == 2, "{point}"),
            Err(error) => {
                assert!(
                    !is_used && matches!(error, VectorError::Unavailable(_)),
                    "{error} {point}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_unreachable_service_is_unavailable_without_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let target = VertexTarget {
        index: "projects/p/locations/l/indexes/7".into(),
        endpoint: "projects/p/locations/l/indexEndpoints/8".into(),
        deployed_index_id: "deployed".into(),
        base_url: url.clone(),
        query_base_url: url.clone(),
    };
    let index = VertexVectors::new(target, Credentials::anonymous());
    let Err(VectorError::Unavailable(reason)) = index.search(&query(json!({}), 1)).await else {
        panic!("no error")
    };
    assert!(!reason.contains("127.0.0.1") && !reason.contains("/v1/"), "{reason}");
}
