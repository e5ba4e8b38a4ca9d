use base64::{Engine as _, engine::general_purpose::STANDARD};
use testkit::Fault;

use super::{
    files::{locked_pdf, pdf},
    *,
};

pub(super) fn note(text: &str) -> Value {
    json!({ "business_id": "acme", "title": "Note", "content_type": "text/plain", "text": text })
}

pub(super) fn file(content_type: &str, bytes: &[u8]) -> Value {
    json!({ "business_id": "acme", "title": "File", "content_type": content_type, "content_base64": STANDARD.encode(bytes) })
}

pub(super) async fn store(world: &World, body: Value) -> (u16, Value) {
    world.send("POST", "/v1/documents", body).await
}

/// The text of a stored document, its only chunk.
pub(super) async fn only_chunk(world: &World, answer: &Value) -> Value {
    assert_eq!(answer["chunks"], 1, "{answer}");
    let id = format!("acme:{}.00000", answer["document_id"].as_str().unwrap());
    let found = world.documents.get_one(&ports::Key::new("vectors", id)).await.unwrap();
    Value::Object(found.unwrap().body.into_fields())
}

#[tokio::test]
async fn a_document_becomes_chunks_with_offsets() {
    let world = World::new().await;
    let sentences: Vec<String> =
        (100..200).map(|number| format!("Harbour {number} is a sentence of ships.")).collect();
    let text = sentences.join(" ");
    let mut body = note(&text);
    body["metadata"] = json!({ "year": 2026 });
    let (status, answer) = store(&world, body).await;
    assert_eq!(
        (status, &answer["characters"], &answer["chunks"]),
        (200, &json!(3_599), &json!(4)),
        "{answer}"
    );
    assert_eq!(answer["cost_usd"], json!(0.000_004));
    let id = answer["document_id"].as_str().unwrap();
    let found = world
        .documents
        .get(&[ports::Key::new("vectors", format!("acme:{id}.00001"))])
        .await
        .unwrap();
    let chunk = Value::Object(found[0].clone().unwrap().body.into_fields());
    let metadata = &chunk["metadata"];
    let expected = json!({ "document_id": id, "title": "Note", "chunk": 1, "year": 2026,
        "start": metadata["start"], "end": metadata["end"] });
    assert_eq!(metadata, &expected);
    let span = |name: &str| usize::try_from(metadata[name].as_u64().unwrap()).unwrap();
    assert_eq!(chunk["text"], text[span("start")..span("end")]);
    assert_eq!(
        world.nearest("acme", chunk["text"].as_str().unwrap()).await[0],
        format!("{id}.00001")
    );
}

#[tokio::test]
async fn the_same_document_is_stored_once_and_paid_once() {
    let world = World::new().await;
    let (_, first) = store(&world, note("Only once.")).await;
    let (_, again) = store(&world, note("Only once.\r\n")).await;
    assert_eq!((&again["document_id"], &again["cost_usd"]), (&first["document_id"], &json!(0.0)));
    assert_eq!(world.gateway.texts.lock().unwrap().len(), 1);
    let (_, listed) = world.send("GET", "/v1/documents?business_id=acme", Value::Null).await;
    assert_eq!(listed["documents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_title_is_kept_without_paying_again() {
    let world = World::new().await;
    let (_, first) = store(&world, note("Only once.")).await;
    let mut body = note("Only once.");
    body["title"] = json!("Better");
    let (status, again) = store(&world, body).await;
    assert_eq!(
        (status, &again["document_id"], &again["cost_usd"]),
        (200, &first["document_id"], &json!(0.0))
    );
    assert_eq!(only_chunk(&world, &again).await["metadata"]["title"], "Better");
}

#[tokio::test]
async fn a_repeat_finishes_an_interrupted_document() {
    let world = World::new().await;
    // Commits: the model, the document, the chunk's opening and closing, the document again.
    world.documents.fail_commit(4, Fault::UnavailableBefore);
    assert_eq!(store(&world, note("Broken off.")).await.0, 503);
    let ready = async || {
        let (_, listed) = world.send("GET", "/v1/documents?business_id=acme", Value::Null).await;
        listed["documents"][0]["ready"].clone()
    };
    assert_eq!(ready().await, false);
    let (status, answer) = store(&world, note("Broken off.")).await;
    assert_eq!((status, &answer["cost_usd"], ready().await), (200, &json!(0.0), json!(true)));
}

#[tokio::test]
async fn a_deleted_document_takes_its_vectors_along() {
    let world = World::new().await;
    let (_, kept) = store(&world, note("Stays.")).await;
    let (_, answer) = store(&world, note(&"Goes away soon. ".repeat(200))).await;
    let path = format!("/v1/documents/{}", answer["document_id"].as_str().unwrap());
    let (status, shown) = world.send("GET", &path, Value::Null).await;
    assert_eq!(
        (status, &shown["title"], &shown["chunks"]),
        (200, &json!("Note"), &answer["chunks"])
    );
    let (status, gone) = world.send("DELETE", &path, Value::Null).await;
    assert_eq!((status, &gone["deleted"]), (200, &answer["chunks"]));
    assert_eq!(world.send("GET", &path, Value::Null).await.0, 404);
    assert_eq!(world.send("DELETE", &path, Value::Null).await.0, 404);
    let left = world.nearest("acme", "Stays.").await;
    assert_eq!(left, [format!("{}.00000", kept["document_id"].as_str().unwrap())]);
}

#[tokio::test]
async fn another_business_does_not_see_a_document() {
    let world = World::new().await;
    let (_, answer) = store(&world, note("Private.")).await;
    let path = format!("/v1/documents/{}", answer["document_id"].as_str().unwrap());
    assert_eq!(world.send_as("other", "GET", &path, Value::Null).await.0, 404);
    assert_eq!(world.send_as("other", "DELETE", &path, Value::Null).await.0, 404);
    let theirs = world.send_as("other", "GET", "/v1/documents?business_id=acme", Value::Null).await;
    assert_eq!(refusal(&theirs), (403, "foreign_business", "business_id"));
    let own = world.send_as("other", "GET", "/v1/documents?business_id=other", Value::Null).await;
    assert_eq!(own.1, json!({ "documents": [], "next_page_token": null }));
    assert_eq!(refusal(&world.send_as("other", "POST", "/v1/documents", note("x")).await).0, 403);
}

#[tokio::test]
async fn html_is_read_without_its_markup() {
    let world = World::new().await;
    let html = "<html><head><title>x</title><script>no()</script></head><body><h1>Tide &amp; time</h1><p>wait</body>";
    let (_, answer) = store(&world, file("text/html", html.as_bytes())).await;
    assert_eq!(only_chunk(&world, &answer).await["text"], "# Tide & time\n\nwait");
}

#[tokio::test]
async fn a_pdf_is_read_line_by_line() {
    let world = World::new().await;
    let pages = [
        "BT /F1 12 Tf 72 720 Td (First) Tj 30 0 Td (line,) Tj 0 -14 TD [(sec) 20 (ond) -300 (line.)] TJ T* (Third.) Tj ET",
        "BT /F1 12 Tf 1 0 0 1 72 720 Tm (Caf\\351) Tj 1 0 0 1 72 600 Tm (New paragraph.) Tj ET",
    ];
    let (status, answer) = store(&world, file("application/pdf", &pdf(&pages))).await;
    assert_eq!(status, 200, "{answer}");
    let text = only_chunk(&world, &answer).await["text"].clone();
    assert_eq!(text, "First line,\nsecond line.\nThird.\n\nCafé\n\nNew paragraph.");
}

#[tokio::test]
async fn files_without_readable_text_are_refused_clearly() {
    let world = World::new().await;
    let check = async |body: Value, status: u16, code: &str| {
        let answer = store(&world, body).await;
        assert_eq!(refusal(&answer), (status, code, ""), "{}", answer.1);
    };
    check(file("application/pdf", b"%PDF-1.4\nnot one"), 422, "unreadable_document").await;
    check(file("application/pdf", &locked_pdf()), 422, "encrypted_document").await;
    check(file("application/pdf", &pdf(&["0 0 100 100 re f"])), 422, "no_text").await;
    check(file("application/pdf", &pdf(&[""; 501])), 413, "document_too_large").await;
    check(file("text/plain", b"\xff\xfe\xfa"), 422, "unreadable_document").await;
    check(note(" \n\t"), 422, "no_text").await;
    check(note(&"word ".repeat(400_001)), 413, "document_too_large").await;
    let large = json!({ "content_base64": "x".repeat(21 * 1024 * 1024) });
    check(large, 413, "body_too_large").await;
    assert!(world.gateway.texts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_requests_are_told_the_field() {
    let world = World::new().await;
    let check = async |name: &str, value: Value, field: &str| {
        let mut body = note("t");
        body[name] = value;
        assert_eq!(refusal(&store(&world, body).await), (400, "invalid_field", field), "{name}");
    };
    check("title", json!(" "), "title").await;
    check("content_type", json!("image/png"), "content_type").await;
    check("content_type", json!("application/pdf"), "text").await;
    check("content_base64", json!("eA=="), "text").await;
    check("text", Value::Null, "text").await;
    check("metadata", json!({ "chunk": 1 }), "metadata.chunk").await;
    check("metadata", json!({ "tags": [] }), "metadata.tags").await;
    let mut body = file("text/plain", b"");
    body["content_base64"] = json!("?");
    assert_eq!(refusal(&store(&world, body).await), (400, "invalid_field", "content_base64"));
}
