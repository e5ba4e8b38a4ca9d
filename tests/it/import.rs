//! A store that the real `chromadb` wrote is imported into the whole system, and searches find what
//! Chroma finds.

use std::{path::PathBuf, sync::Arc};

use embedded::RouterTransport;
use import_vectors::{Order, Report, Target, Verified, import};
use serde_json::json;
use service::CallerRole;

use crate::{
    app::{TestApp, business},
    topology::root,
};

fn fixture(name: &str) -> PathBuf {
    root().join("functions/import-vectors/tests").join(name)
}

async fn imported(app: &TestApp, order: &Order) -> Report {
    let signer = app.signer.clone();
    let routes = RouterTransport::new(move || signer.sign("import", None, CallerRole::Service, 60));
    routes.connect(app.router.clone());
    let routes = Arc::new(routes);
    import(order, &Target { upsert: routes.clone(), search: routes }, &mut |_, _| {}).await.unwrap()
}

#[tokio::test]
async fn an_imported_store_finds_what_chroma_finds() {
    let app = TestApp::new().await;
    let verify = Some(fixture("answers.jsonl"));
    let order = Order {
        collection: Some("docs".into()),
        verify,
        ..Order::new(fixture("store"), business("pro"))
    };
    let report = imported(&app, &order).await;
    let whole = Verified { queries: 12, recall: 1.0, complete: 12 };
    assert_eq!(
        (report.upserted, report.unchanged, report.embedded, report.verified),
        (43, 0, 0, Some(whole))
    );
    let again = imported(&app, &order).await;
    assert_eq!((again.upserted, again.unchanged, again.verified), (0, 43, Some(whole)));

    let answers = std::fs::read_to_string(fixture("answers.jsonl")).unwrap();
    let answer: serde_json::Value = serde_json::from_str(answers.lines().next().unwrap()).unwrap();
    let search = json!({ "business_id": "pro", "query_embedding": answer["query"], "filter": { "lang": "de" } });
    let found = app.post("/v1/vectors/search", "pro", &search).await.ok();
    let metadata = json!({ "number": 12, "even": true, "lang": "de" });
    assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        (&found["results"][0]["metadata"], &found["results"][0]["id"]),
        (&metadata, &json!("d12"))
    );
    assert_eq!(found["results"][0]["text"], "The text of number 12.");
}

#[tokio::test]
async fn texts_without_a_usable_embedding_are_embedded() {
    let app = TestApp::new().await;
    let mut order = Order::new(fixture("store"), business("pro"));
    order.collection = Some("odd".into());
    order.embed_texts = true;
    let report = imported(&app, &order).await;
    assert_eq!((report.upserted, report.embedded, report.problems.len()), (1, 1, 2));
    assert!(report.cost_usd > 0.0, "{report}");
}
