//! The contract of every [`Documents`] store.

use std::sync::Arc;

use ports::{Document, Documents, Key, Query, StoreError, Version, Write};
use serde_json::Value;

pub mod commits;
pub mod limits;
pub mod queries;
pub mod watching;

/// The store under test.
pub type Store = Arc<dyn Documents>;

/// Runs every behaviour, each on a store from `make`. Behaviours use different collections, so
/// `make` may return the same store again if emptying it is slow.
pub async fn all<S: Documents + 'static>(make: impl AsyncFn() -> Arc<S>) {
    let make = async || make().await as Store;
    commits::all(&make).await;
    limits::all(&make).await;
    queries::all(&make).await;
    watching::all(&make).await;
}

/// Creates a document the way callers must: an error may hide a success, so after an error the
/// document is read back. (The Firestore emulator reports failure for a commit that took effect
/// when another watch ends at that moment.)
async fn create(store: &Store, key: &Key, value: &Value) -> Version {
    match commit(store, Write::create(key.clone(), value).unwrap()).await {
        Ok(version) => version,
        Err(StoreError::Unavailable(reason)) => match read(store, key).await {
            Some(document) if Value::Object(document.body.clone().into_fields()) == *value => {
                document.version
            }
            other => panic!("`{key}` was not created ({reason}): {other:?}"),
        },
        Err(error) => panic!("`{key}`: {error}"),
    }
}

async fn commit(store: &Store, write: Write) -> Result<Version, StoreError> {
    Ok(store.commit(vec![write]).await?[0])
}

async fn read(store: &Store, key: &Key) -> Option<Document> {
    store.get(std::slice::from_ref(key)).await.unwrap().pop().unwrap()
}

async fn body(store: &Store, key: &Key) -> Value {
    read(store, key)
        .await
        .map_or(Value::Null, |document| Value::Object(document.body.into_fields()))
}

async fn ids(store: &Store, query: &Query) -> Vec<String> {
    store
        .query(query)
        .await
        .unwrap_or_else(|error| panic!("{query:?}: {error}"))
        .into_iter()
        .map(|document| document.key.id)
        .collect()
}
