//! The contract of every [`ArtifactStore`].

use std::sync::Arc;

use ports::{ArtifactStore, StoreError};

/// Runs every behaviour, each on an empty store from `make`.
pub async fn all<S: ArtifactStore>(make: impl AsyncFn() -> Arc<S>) {
    what_was_put_is_read_back(&*make().await).await;
    the_same_content_has_one_reference(&*make().await).await;
    an_unknown_reference_is_invalid(&*make().await).await;
}

/// Content is read back byte by byte, including empty and multi-byte text.
pub async fn what_was_put_is_read_back(store: &impl ArtifactStore) {
    for content in ["", "Grüße aus Kraków ✓", &"x".repeat(2_000_000)] {
        let reference = store.put(content).await.unwrap();
        assert!(
            store.get(&reference).await.unwrap() == content,
            "{} bytes came back changed",
            content.len()
        );
    }
}

/// Storing the same content again is harmless; different content gets a different reference.
pub async fn the_same_content_has_one_reference(store: &impl ArtifactStore) {
    let first = store.put("report").await.unwrap();
    assert_eq!(store.put("report").await.unwrap(), first);
    assert_ne!(store.put("report 2").await.unwrap(), first);
    assert_eq!(store.get(&first).await.unwrap(), "report");
}

/// A reference that the store did not give out cannot be read and cannot address anything outside
/// the store.
pub async fn an_unknown_reference_is_invalid(store: &impl ArtifactStore) {
    for reference in ["", "../../etc/passwd", "nobody", &"0".repeat(64)] {
        let error = store.get(reference).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "`{reference}`: {error}");
    }
}
