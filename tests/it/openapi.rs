//! The OpenAPI description is committed, so that changes of the contract are visible in review.

use std::path::Path;

use axum::{body::Body, http::Request};

use crate::app::TestApp;

#[tokio::test]
async fn the_committed_description_is_the_one_served() {
    let app = TestApp::new().await;
    let served = app.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await.ok();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let mut text = serde_json::to_string_pretty(&served).unwrap();
    text.push('\n');
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != text {
        let fresh = path.with_extension("new.json");
        std::fs::write(&fresh, text).unwrap();
        panic!(
            "the routes changed: look at {} and, if it is right, move it over openapi.json",
            fresh.display()
        );
    }
}
