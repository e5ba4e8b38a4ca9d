//! Moves to another embedding model.

use ports::{Key, Precondition};
use testkit::Fault;

use super::*;

const SMALL: &str = "text-embedding-3-small";
const LARGE: &str = "text-embedding-3-large";

fn name(index: usize) -> String {
    format!("v{index:03}")
}

async fn stocked(count: usize) -> World {
    let world = World::new().await;
    let item = |index: usize| json!({ "id": name(index), "text": format!("text {index}"), "metadata": { "at": index } });
    assert_eq!(world.upsert((0..count).map(item).collect()).await.0, 200);
    *world.gateway.charged.lock().unwrap() = 0;
    world
}

async fn step_with(world: &World, more: Value) -> (u16, Value) {
    let mut body = json!({ "business_id": "acme", "embedding_model": LARGE });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.send("POST", "/v1/vectors/reembed", body).await
}

async fn step(world: &World) -> (u16, Value) {
    step_with(world, json!({})).await
}

/// Goes on until it is done, whatever fails in between.
async fn finish(world: &World) {
    for _ in 0..20 {
        let (status, answer) = step(world).await;
        assert!(matches!(status, 200 | 429 | 503), "{answer}");
        if answer["state"] == "done" {
            return;
        }
    }
    panic!("the move never ends");
}

/// Every vector's id and model, where its vector is known to be made from its text.
async fn models(world: &World) -> Vec<(String, String)> {
    let query = ports::Query::collection("vectors").limit(1_000);
    let found = world.documents.query(&query).await.unwrap();
    let field = |document: &ports::Document, name: &str| {
        document.body[name].as_str().unwrap_or_default().to_owned()
    };
    let known = found.iter().filter(|document| document.body.contains_key("content_hash"));
    known.map(|document| (field(document, "id"), field(document, "embedding_model"))).collect()
}

async fn index(world: &World) -> Value {
    let found = world.documents.get_one(&Key::new("vector_indexes", "acme")).await.unwrap();
    Value::Object(found.unwrap().body.into_fields())
}

/// All of `count` texts have their vectors by the new model, and nothing else is left.
async fn assert_moved(world: &World, count: usize) {
    let expected: Vec<_> = (0..count).map(|index| (name(index), LARGE.to_owned())).collect();
    assert_eq!(models(world).await, expected);
    assert_eq!(index(world).await, json!({ "embedding_model": LARGE }));
    for at in [0, count / 2, count - 1] {
        assert_eq!(
            world.nearest("acme", &in_words_of(LARGE, &format!("text {at}"))).await[0],
            name(at)
        );
    }
}

fn charged(world: &World) -> i64 {
    *world.gateway.charged.lock().unwrap()
}

#[tokio::test]
async fn texts_are_embedded_first_and_vectors_replaced_then() {
    let world = stocked(400).await;
    let (_, first) = step(&world).await;
    assert_eq!((&first["state"], &first["moved"]), (&json!("preparing"), &json!(0)), "{first}");
    let through = first["done"].as_u64().unwrap();
    assert!(
        (150..=300).contains(&through)
            && charged(&world) == i64::try_from(through).unwrap() * PRICE
    );
    let (_, second) = step(&world).await;
    assert_eq!((&second["state"], &second["done"]), (&json!("switching"), &json!(0)));
    assert!(models(&world).await.iter().all(|(_, model)| model == SMALL));
    assert_eq!(charged(&world), 400 * PRICE);
    let (_, third) = step(&world).await;
    assert_eq!((&third["state"], &third["moved"]), (&json!("switching"), &json!(through)));
    let (_, last) = step(&world).await;
    assert_eq!(
        last,
        json!({ "state": "done", "done": 0, "moved": 400 - through, "deleted": 0, "wait_s": 0, "cost_usd": 0.0 })
    );
    assert_moved(&world, 400).await;
    assert_eq!((charged(&world), step(&world).await.1["moved"].clone()), (400 * PRICE, json!(0)));
}

#[tokio::test]
async fn a_repeat_after_any_failed_commit_pays_once() {
    let whole = stocked(20).await;
    let before = whole.documents.commits();
    finish(&whole).await;
    let commits = whole.documents.commits() - before;
    assert!(commits >= 4, "{commits}");
    for nth in 1..=commits {
        for fault in [Fault::UnavailableBefore, Fault::UnavailableAfter, Fault::Conflict] {
            let world = stocked(20).await;
            world.documents.fail_commit(nth, fault);
            finish(&world).await;
            assert_moved(&world, 20).await;
            assert_eq!(charged(&world), 20 * PRICE, "commit {nth}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn an_exhausted_budget_keeps_what_was_paid() {
    let world = stocked(400).await;
    step(&world).await;
    let refused = GatewayRefusal {
        status: 402,
        code: "daily_budget_exceeded".into(),
        detail: "too much".into(),
    };
    *world.gateway.refusing.lock().unwrap() = Some(refused);
    assert_eq!(refusal(&step(&world).await), (402, "daily_budget_exceeded", ""));
    *world.gateway.refusing.lock().unwrap() = None;
    finish(&world).await;
    assert_moved(&world, 400).await;
    assert_eq!(charged(&world), 400 * PRICE);
}

#[tokio::test]
async fn texts_stored_during_a_move_get_the_new_model() {
    let world = stocked(400).await;
    let late = |index: usize| json!([{ "id": name(index), "text": format!("text {index}") }]);
    step(&world).await;
    world.upsert(late(400)).await;
    assert!(models(&world).await.contains(&(name(400), SMALL.into())));
    step(&world).await;
    assert_eq!(step(&world).await.1["state"], "switching");
    world.upsert(late(401)).await;
    assert!(models(&world).await.contains(&(name(401), LARGE.into())));
    finish(&world).await;
    assert_moved(&world, 402).await;
}

#[tokio::test]
async fn a_vector_already_moved_repeats_no_group_payment() {
    let world = stocked(400).await;
    step(&world).await;
    assert_eq!(step(&world).await.1["state"], "switching");
    world.upsert(json!([{ "id": name(200), "text": "text 200" }])).await;
    assert!(models(&world).await.contains(&(name(200), LARGE.into())));
    finish(&world).await;
    assert_moved(&world, 400).await;
    assert_eq!(charged(&world), 401 * PRICE);
}

#[tokio::test]
async fn vectors_written_behind_the_switch_still_get_moved() {
    let world = stocked(20).await;
    let switching = json!({ "to": LARGE, "stage": "switching", "after": "acme:v019", "done": 20 });
    let switch = Write::merge(Key::new("vector_indexes", "acme"), Precondition::Exists)
        .set("moving", switching);
    *world.gateway.meanwhile.lock().unwrap() = Some((world.documents.clone(), switch));
    // The switch begins while the text is being embedded with the old model, and has gone past it.
    let (status, answer) = world.upsert(json!([{ "id": name(20), "text": "text 20" }])).await;
    assert_eq!(
        (status, &answer["upserted"], &answer["embedded"]),
        (200, &json!(1), &json!(2)),
        "{answer}"
    );
    assert!(models(&world).await.contains(&(name(20), LARGE.into())));
    // The others were left behind: the switch may not end yet.
    assert_eq!(step(&world).await.1["state"], "switching");
    finish(&world).await;
    assert_moved(&world, 21).await;
}

#[tokio::test]
async fn vectors_without_text_block_the_move_unless_deleted() {
    let world = stocked(20).await;
    let given = json!([{ "id": "given", "embedding": embedding("north") }]);
    world.upsert(given.clone()).await;
    let refused = step(&world).await;
    assert_eq!(refusal(&refused), (409, "vectors_without_text", "delete_without_text"));
    assert_eq!(index(&world).await, json!({ "embedding_model": SMALL }));
    let more = json!({ "delete_without_text": true });
    let (_, first) = step_with(&world, more.clone()).await;
    assert_eq!(
        (&first["state"], &first["deleted"], models(&world).await.len()),
        (&json!("switching"), &json!(0), 21)
    );
    assert_eq!(refusal(&world.upsert(given).await), (409, "index_is_moving", "items[0].embedding"));
    let (_, last) = step_with(&world, more).await;
    assert_eq!(
        (&last["state"], &last["moved"], &last["deleted"]),
        (&json!("done"), &json!(20), &json!(1))
    );
    assert_moved(&world, 20).await;
}

#[tokio::test]
async fn a_move_is_reversible_until_vectors_are_replaced() {
    let world = stocked(400).await;
    step(&world).await;
    let (status, answer) = step_with(&world, json!({ "embedding_model": SMALL })).await;
    assert_eq!((status, &answer["state"]), (200, &json!("done")));
    assert_eq!(index(&world).await, json!({ "embedding_model": SMALL }));
    step(&world).await;
    step(&world).await;
    let refused = step_with(&world, json!({ "embedding_model": SMALL })).await;
    assert_eq!(refusal(&refused), (409, "index_is_moving", "embedding_model"));
    finish(&world).await;
    assert_moved(&world, 400).await;
    assert_eq!(charged(&world), 400 * PRICE);
}

#[tokio::test]
async fn a_switch_lasts_until_the_index_has_replacements() {
    let world = stocked(20).await;
    world.lag.store(30, Ordering::SeqCst);
    step(&world).await;
    let (_, replaced) = step(&world).await;
    let stands = |answer: &Value| {
        (answer["state"].clone(), answer["moved"].clone(), answer["wait_s"].clone())
    };
    assert_eq!(stands(&replaced), (json!("switching"), json!(20), json!(30)));
    world.clock.advance_seconds(29);
    assert_eq!(stands(&step(&world).await.1), (json!("switching"), json!(0), json!(1)));
    world.clock.advance_seconds(1);
    assert_eq!(stands(&step(&world).await.1), (json!("done"), json!(0), json!(0)));
    assert_moved(&world, 20).await;
}

#[tokio::test]
async fn an_estimate_counts_and_changes_nothing() {
    let world = stocked(20).await;
    world.upsert(json!([{ "id": "given", "embedding": embedding("north") }])).await;
    let commits = world.documents.commits();
    let body = json!({ "business_id": "acme", "embedding_model": LARGE });
    let (status, answer) = world.send("POST", "/v1/vectors/reembed/estimate", body).await;
    assert_eq!(status, 200, "{answer}");
    // Ten texts of six characters and ten of seven: two tokens each, at $0.13 a million.
    let expected = json!({ "vectors": 21, "to_move": 20, "without_text": 1, "characters": 130, "cost_usd": 0.000_005_2,
        "next_page_token": null });
    assert_eq!((answer, world.documents.commits()), (expected, commits));
}

#[tokio::test]
async fn refuses_another_business_or_an_unknown_model() {
    let world = stocked(2).await;
    for path in ["/v1/vectors/reembed", "/v1/vectors/reembed/estimate"] {
        let body = |model: &str| json!({ "business_id": "acme", "embedding_model": model });
        let foreign = world.send_as("other", "POST", path, body(LARGE)).await;
        assert_eq!(refusal(&foreign), (403, "foreign_business", "business_id"), "{path}");
        for model in ["nobody", "gpt-5"] {
            let refused = world.send("POST", path, body(model)).await;
            assert_eq!(
                refusal(&refused),
                (400, "invalid_field", "embedding_model"),
                "{path} {model}"
            );
        }
    }
    let nothing = json!({ "business_id": "other", "embedding_model": LARGE });
    assert_eq!(
        world.send_as("other", "POST", "/v1/vectors/reembed", nothing).await.1["state"],
        "done"
    );
}
