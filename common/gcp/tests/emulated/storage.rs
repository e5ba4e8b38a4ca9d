//! Tests of artefacts in Cloud Storage.

use std::sync::Arc;

use gcp::CloudStorage;
use ports::{ArtifactStore as _, StoreError};
use testkit::contract::artifacts;

use crate::{emulator, unique};

/// An empty bucket.
async fn make() -> Arc<CloudStorage> {
    let (host, bucket) = (emulator("STORAGE_EMULATOR_HOST"), unique("artifacts"));
    create(&host, &bucket).await;
    Arc::new(CloudStorage::new(&bucket, Some(host), None))
}

async fn create(host: &str, bucket: &str) {
    let body = serde_json::json!({"name": bucket});
    let created = reqwest::Client::new()
        .post(format!("http://{host}/storage/v1/b?project=p"))
        .json(&body)
        .send()
        .await;
    assert!(created.unwrap().status().is_success());
}

#[tokio::test]
async fn cloud_storage_keeps_artefacts_as_every_store_does() {
    artifacts::all(make).await;
}

#[tokio::test]
async fn an_artefact_that_was_tampered_with_is_refused() {
    let (host, bucket) = (emulator("STORAGE_EMULATOR_HOST"), unique("artifacts"));
    create(&host, &bucket).await;
    let store = CloudStorage::new(&bucket, Some(host.clone()), None);
    let reference = store.put("report").await.unwrap();
    let upload =
        format!("http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={reference}");
    let replaced = reqwest::Client::new().post(upload).body("another report").send().await.unwrap();
    assert!(replaced.status().is_success());
    assert!(matches!(store.get(&reference).await, Err(StoreError::Invalid { .. })));
}

#[tokio::test]
async fn a_missing_bucket_is_an_error() {
    let store = CloudStorage::new(&unique("nobody"), Some(emulator("STORAGE_EMULATOR_HOST")), None);
    assert!(store.put("report").await.is_err());
}
