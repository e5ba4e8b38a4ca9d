use ports::{Key, Precondition};
use testkit::Fault;

use super::*;

fn text(id: &str, text: &str) -> Value {
    json!({ "id": id, "text": text, "metadata": { "lang": "en" } })
}

fn given(id: &str, direction: &str) -> Value {
    json!({ "id": id, "embedding": embedding(direction), "metadata": { "lang": "en" } })
}

async fn document(world: &World, id: &str) -> Option<Value> {
    let found = world.documents.get_one(&Key::new("vectors", id)).await.unwrap();
    found.map(|document| Value::Object(document.body.into_fields()))
}

#[tokio::test]
async fn texts_and_embeddings_are_kept_with_their_documents() {
    let world = World::new().await;
    let answer = world.upsert(json!([text("a", "quiet harbours"), given("b", "loud ones")])).await;
    let items = json!([{ "id": "a", "outcome": "upserted" }, { "id": "b", "outcome": "upserted" }]);
    let expected = json!({ "upserted": 2, "unchanged": 0, "embedded": 1, "cost_usd": 0.000_001, "items": items });
    assert_eq!(answer, (200, expected));
    assert_eq!(world.nearest("acme", "quiet harbours").await, ["a", "b"]);
    let mut stored = document(&world, "acme:a").await.unwrap();
    assert!(stored["content_hash"].take().is_string());
    assert_eq!(
        stored,
        json!({ "business": "acme", "id": "a", "text": "quiet harbours", "metadata": { "lang": "en" },
            "embedding_model": "text-embedding-3-small", "content_hash": null })
    );
}

#[tokio::test]
async fn a_text_with_an_embedding_is_not_embedded() {
    let world = World::new().await;
    let item = |text: &str| json!([{ "id": "a", "text": text, "embedding": embedding("north") }]);
    let (status, answer) = world.upsert(item("north of the harbour")).await;
    assert_eq!((status, &answer["upserted"], &answer["embedded"]), (200, &json!(1), &json!(0)));
    assert_eq!(document(&world, "acme:a").await.unwrap()["text"], "north of the harbour");
    assert_eq!(world.upsert(item("north of the harbour")).await.1["unchanged"], 1);
    let (_, answer) = world.upsert(item("north of the pier")).await;
    assert_eq!((&answer["upserted"], &answer["embedded"]), (&json!(1), &json!(0)));
    assert_eq!(document(&world, "acme:a").await.unwrap()["text"], "north of the pier");
}

#[tokio::test]
async fn a_second_upsert_changes_nothing_and_costs_nothing() {
    let world = World::new().await;
    let items = json!([text("a", "one"), text("b", "two"), given("c", "three")]);
    world.upsert(items.clone()).await;
    let commits = world.documents.commits();
    let again = world.upsert(items).await;
    let items = ["a", "b", "c"].map(|id| json!({ "id": id, "outcome": "unchanged" }));
    let expected =
        json!({ "upserted": 0, "unchanged": 3, "embedded": 0, "cost_usd": 0.0, "items": items });
    assert_eq!(again, (200, expected));
    assert_eq!(
        (world.documents.commits(), world.gateway.texts.lock().unwrap().len()),
        (commits, 2)
    );
}

#[tokio::test]
async fn a_repeat_finishes_a_partly_stored_request() {
    let world = World::new().await;
    let items: Vec<Value> =
        (0..300).map(|n| given(&format!("v{n}"), &format!("direction {n}"))).collect();
    // The index's model, then two commits for the first group of 256; the fourth opens the second
    // group.
    world.documents.fail_commit(4, Fault::UnavailableBefore);
    let (status, problem) = world.upsert(json!(items)).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
    let told = problem["items"].as_array().unwrap();
    assert_eq!(told.len(), 300);
    for (n, item) in told.iter().enumerate() {
        let outcome = if n < 256 { "upserted" } else { "failed" };
        assert_eq!(*item, json!({ "id": format!("v{n}"), "outcome": outcome }));
    }
    let (status, answer) = world.upsert(json!(items)).await;
    assert_eq!((status, &answer["upserted"], &answer["unchanged"]), (200, &json!(44), &json!(256)));
}

#[tokio::test]
async fn only_what_changed_is_embedded_again() {
    let world = World::new().await;
    world.upsert(json!([text("a", "one"), text("b", "two")])).await;
    let (_, answer) = world.upsert(json!([text("a", "one"), text("b", "new")])).await;
    assert_eq!(
        (&answer["upserted"], &answer["unchanged"], &answer["embedded"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(world.nearest("acme", "new").await[0], "b");
}

#[tokio::test]
async fn equal_texts_are_embedded_once() {
    let world = World::new().await;
    let (_, answer) = world.upsert(json!([text("a", "same"), text("b", "same")])).await;
    assert_eq!((&answer["upserted"], &answer["embedded"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn a_repeat_repairs_what_a_lost_commit_left_behind() {
    for nth in [2, 3] {
        let world = World::new().await;
        // The first commit records the model, the second opens the change, the third closes it.
        world.documents.fail_commit(nth, Fault::UnavailableBefore);
        let items = json!([text("a", "one")]);
        assert_eq!(world.upsert(items.clone()).await.0, 503);
        let (status, answer) = world.upsert(items).await;
        assert_eq!(
            (status, &answer["upserted"], &answer["cost_usd"]),
            (200, &json!(1), &json!(0.0)),
            "commit {nth}"
        );
        assert_eq!(world.nearest("acme", "one").await, ["a"]);
        assert!(document(&world, "acme:a").await.unwrap()["content_hash"].is_string());
    }
}

#[tokio::test]
async fn a_lost_race_is_run_again_without_paying_twice() {
    let world = World::new().await;
    world.documents.fail_commit(3, Fault::Conflict);
    let (status, answer) = world.upsert(json!([text("a", "one")])).await;
    assert_eq!(
        (status, &answer["embedded"], &answer["cost_usd"]),
        (200, &json!(1), &json!(0.000_001))
    );
    assert!(document(&world, "acme:a").await.unwrap()["content_hash"].is_string());
}

#[tokio::test]
async fn businesses_with_confusable_names_keep_their_vectors_apart() {
    let world = World::new().await;
    world.upsert(json!([text("x_y", "mine")])).await;
    let theirs = json!({ "business_id": "other", "items": [text("x_y", "theirs")] });
    assert_eq!(world.send_as("other", "POST", "/v1/vectors/upsert", theirs).await.0, 200);
    assert_eq!(document(&world, "acme:x_y").await.unwrap()["text"], "mine");
    assert_eq!(document(&world, "other:x_y").await.unwrap()["text"], "theirs");
    assert_eq!(world.nearest("other", "theirs").await, ["x_y"]);
}

#[tokio::test]
async fn nobody_reaches_another_business() {
    let world = World::new().await;
    let body = json!({ "business_id": "acme", "items": [text("a", "one")] });
    let answer = world.send_as("other", "POST", "/v1/vectors/upsert", body).await;
    assert_eq!(refusal(&answer), (403, "foreign_business", "business_id"));
    let body = json!({ "business_id": "acme", "ids": ["a"] });
    let answer = world.send_as("other", "POST", "/v1/vectors/delete", body).await;
    assert_eq!(refusal(&answer), (403, "foreign_business", "business_id"));
}

#[tokio::test]
async fn deleted_vectors_are_gone_and_can_come_back() {
    let world = World::new().await;
    world.upsert(json!([text("a", "one"), text("b", "two")])).await;
    let body = json!({ "business_id": "acme", "ids": ["a", "nobody"] });
    let answer = world.send("POST", "/v1/vectors/delete", body.clone()).await;
    assert_eq!(answer, (200, json!({ "deleted": 1, "not_found": 1 })));
    assert_eq!(
        (world.nearest("acme", "one").await, document(&world, "acme:a").await),
        (vec!["b".to_owned()], None)
    );
    assert_eq!(
        world.send("POST", "/v1/vectors/delete", body).await.1,
        json!({ "deleted": 0, "not_found": 2 })
    );
    let (_, answer) = world.upsert(json!([text("a", "one")])).await;
    assert_eq!(answer["upserted"], 1);
    assert_eq!(world.nearest("acme", "one").await, ["a", "b"]);
}

#[tokio::test]
async fn models_are_not_mixed_until_the_index_is_empty() {
    let world = World::new().await;
    world.upsert(json!([text("a", "one")])).await;
    let foreign = json!({ "business_id": "acme", "items": [given("b", "two")], "embedding_model": "house-blend" });
    let answer = world.send("POST", "/v1/vectors/upsert", foreign.clone()).await;
    assert_eq!(refusal(&answer), (409, "embedding_model_mismatch", "embedding_model"));
    world.send("POST", "/v1/vectors/delete", json!({ "business_id": "acme", "ids": ["a"] })).await;
    assert_eq!(world.send("POST", "/v1/vectors/upsert", foreign).await.0, 200);
    assert_eq!(document(&world, "acme:b").await.unwrap()["embedding_model"], "house-blend");
    world.send("POST", "/v1/vectors/delete", json!({ "business_id": "acme", "ids": ["b"] })).await;
    assert_eq!(world.upsert(json!([text("c", "three")])).await.0, 200);
    assert_eq!(
        document(&world, "acme:c").await.unwrap()["embedding_model"],
        "text-embedding-3-small"
    );
}

#[tokio::test]
async fn a_refusal_to_pay_stores_nothing() {
    let world = World::new().await;
    let refused = GatewayRefusal {
        status: 402,
        code: "daily_budget_exceeded".into(),
        detail: "too much".into(),
    };
    *world.gateway.refusing.lock().unwrap() = Some(refused);
    let answer = world.upsert(json!([text("a", "one")])).await;
    assert_eq!(refusal(&answer), (402, "daily_budget_exceeded", ""));
    assert_eq!(document(&world, "acme:a").await, None);
}

#[tokio::test]
async fn a_business_without_a_subscription_pays_for_nothing() {
    let world = World::new().await;
    let gone = Write::delete(subscription_key(&business("acme")), Precondition::Exists);
    world.documents.commit(vec![gone]).await.unwrap();
    assert_eq!(
        refusal(&world.upsert(json!([text("a", "one")])).await),
        (404, "subscription_not_found", "")
    );
}

#[tokio::test]
async fn embeddings_pass_the_body_limit_of_other_routes() {
    let world = World::new().await;
    let items: Vec<Value> =
        (0..300).map(|index| given(&format!("v{index}"), &index.to_string())).collect();
    let (status, answer) = world.upsert(items.into()).await;
    assert_eq!((status, &answer["upserted"]), (200, &json!(300)), "{answer}");
    let large = "x".repeat(17 * 1024 * 1024);
    assert_eq!(
        refusal(&world.upsert(json!([text("a", &large)])).await),
        (413, "body_too_large", "")
    );
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_its_place() {
    let world = World::new().await;
    let check = async |items: Value, field: &str| {
        let answer = world.upsert(items.clone()).await;
        assert_eq!(refusal(&answer), (400, "invalid_field", field), "{items}");
    };
    let with = |metadata: Value| json!([{ "id": "a", "text": "t", "metadata": metadata }]);
    let many: Vec<Value> = (0..1_001).map(|index| text(&format!("v{index}"), "t")).collect();
    check(json!([]), "items").await;
    check(many.into(), "items").await;
    check(json!([text("a", "t"), text("a", "u")]), "items[1].id").await;
    check(json!([text("a/b", "t")]), "items[0].id").await;
    check(json!([text("a:b", "t")]), "items[0].id").await;
    check(json!([{ "id": "a" }]), "items[0].text").await;
    check(json!([text("a", " ")]), "items[0].text").await;
    check(json!([text("a", &"x".repeat(32_001))]), "items[0].text").await;
    check(json!([{ "id": "a", "embedding": [1.0, 2.0] }]), "items[0].embedding").await;
    check(json!([{ "id": "a", "embedding": vec![0.0; DIMENSIONS] }]), "items[0].embedding").await;
    check(with(json!({ "tags": ["a", "b"] })), "items[0].metadata.tags").await;
    check(with(json!({ "deep": { "er": 1 } })), "items[0].metadata.deep").await;
    check(with(json!({ "none": null })), "items[0].metadata.none").await;
    check(with(json!({ "long": "x".repeat(1_001) })), "items[0].metadata.long").await;
    let answer = world.upsert(json!([{ "id": "a", "text": "t", "vector": [] }])).await;
    assert_eq!(refusal(&answer), (400, "unknown_field", "vector"));
}

#[tokio::test]
async fn an_ending_model_warns_then_stops_embedding() {
    let with = |item: Value| json!({ "business_id": "acme", "items": [item], "embedding_model": "gemini-embedding-001" });
    for (day, is_told) in [("2028-04-13", false), ("2028-05-13", true)] {
        let world = World::on(day).await;
        let (status, answer) =
            world.send("POST", "/v1/vectors/upsert", with(text("a", "one"))).await;
        assert_eq!(status, 200, "{answer}");
        let warning = answer["warning"].as_str().unwrap_or_default();
        assert_eq!(
            warning.contains("which ends in 1 days: move them to another"),
            is_told,
            "{day}: {answer}"
        );
    }
    let world = World::on("2028-05-14").await;
    let refused = world.send("POST", "/v1/vectors/upsert", with(text("a", "one"))).await;
    assert_eq!(refusal(&refused), (409, "embedding_model_ended", ""));
    assert!(refused.1["detail"].as_str().unwrap().contains("`reembed`"), "{}", refused.1);
    assert!(world.gateway.texts.lock().unwrap().is_empty());
    assert_eq!(world.send("POST", "/v1/vectors/upsert", with(given("b", "two"))).await.0, 200);
}
