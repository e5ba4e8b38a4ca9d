//! A run reads the knowledge base as evidence, and every attempt reads the same.

use domain::vector::Passage;
use marketing::artefact::{Kind, evidence::Evidence};
use ports::Write;

use super::*;
use vectors::documents::{IndexDoc, index_key};

/// The second half of a kept document, as searches find it.
fn half() -> Passage {
    Passage {
        document_id: "d0c".into(),
        title: "Interviews with harbour masters".into(),
        url: None,
        publisher: Some("Port Users' Association".into()),
        start: 700,
        text: "Harbour masters told us that assigning berths by telephone takes two hours of every summer day.".into(),
    }
}

async fn keeping(passages: Vec<Passage>) -> World {
    let world = World::new().await;
    let index = Write::create(index_key(&acme()), &IndexDoc::of("text-embedding-3-small".into()));
    world.documents.commit(vec![index.unwrap()]).await.unwrap();
    world.kept.keep(passages);
    world
}

async fn evidence(world: &World, task: &TaskId) -> Evidence {
    let (_, content) = world.engine.artifact(task, Kind::Evidence).await.unwrap();
    serde_json::from_value(content).unwrap()
}

#[tokio::test(start_paused = true)]
async fn quotes_stored_texts_with_their_place_in_the_document() {
    let world = keeping(vec![half()]).await;
    world.run().await;
    world.check_ended(Status::Completed).await;
    let evidence = evidence(&world, &world.task).await;
    let source = evidence.sources.iter().find(|source| source.id == "src_kept_1").unwrap();
    assert_eq!(source.document_id.as_deref(), Some("d0c"));
    assert_eq!(
        (source.title.as_str(), source.publisher.as_str()),
        (&*half().title, "Port Users' Association")
    );
    let quotes = evidence
        .claims
        .iter()
        .flat_map(|claim| &claim.quotes)
        .filter(|quote| quote.source_id == source.id);
    let mut found = 0;
    for quote in quotes {
        let offsets = quote.offsets.unwrap();
        let span = offsets.start - half().start..offsets.end - half().start;
        assert_eq!(half().text[span], quote.quote);
        found += 1;
    }
    assert!(found > 0, "{evidence:#?}");
}

#[tokio::test(start_paused = true)]
async fn who_keeps_nothing_is_not_searched() {
    let world = World::new().await;
    world.run().await;
    world.check_ended(Status::Completed).await;
    assert_eq!(world.kept.asked(), Vec::<String>::new());
    assert_eq!(world.doc().await.passages, None);
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_search_outage_and_omits_nothing() {
    let world = keeping(vec![half()]).await;
    world.kept.fail_next(GatewayError::Unavailable("nobody listens".into()));
    world.run().await;
    assert_eq!((world.status().await, world.doc().await.state.attempt), (Status::Queued, 0));
    assert_eq!(world.sweep_after(domain::task::OUTAGE_SECONDS).await, 1);
    world.run().await;
    world.check_ended(Status::Completed).await;
    assert!(
        evidence(&world, &world.task)
            .await
            .sources
            .iter()
            .any(|source| source.document_id.is_some())
    );
}

#[tokio::test(start_paused = true)]
async fn texts_stored_later_change_no_resumed_run() {
    let world = keeping(vec![half()]).await;
    // The worker dies while the evidence is being written; then the business stores another text.
    world.gateway.script([Scripted::Hang]);
    world.run_and_die().await;
    let asked = world.kept.asked().len();
    world.kept.keep(vec![Passage { document_id: "other".into(), ..half() }]);
    assert_eq!(world.sweep_after(1_000).await, 1);
    world.run().await;
    world.check_ended(Status::Completed).await;
    let first = evidence(&world, &world.task).await;

    let account = world.engine.ledger().admit(&acme()).await.unwrap();
    let wish = (Kind::Evidence, None);
    let doc = world.doc().await;
    let derived =
        world.engine.regenerate(&account, (&world.task, &doc), wish, None).await.unwrap().task;
    world.run().await;
    assert_eq!(evidence(&world, &derived).await.sources, first.sources);
    assert!(first.sources.iter().any(|source| source.document_id.as_deref() == Some("d0c")));
    assert_eq!(world.kept.asked().len(), asked);
}
