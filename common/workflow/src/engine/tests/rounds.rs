//! Repairs and critiques: what each round asks for, and which version is published.

use domain::task::{LEASE_SECONDS, WAKE_AFTER_LEASE_SECONDS};
use marketing::artefact::{Kind, Severity};
use ports::MessageRole;
use serde_json::{Value, json};

use super::*;
use crate::documents::steps_collection;

/// Readable, but it quotes a source that the brief does not have.
const FAULTY: &str = include_str!("../../../../marketing/src/artefact/testdata/evidence.json");

/// The first step of an analysis, after its first answers.
struct Evidence {
    world: World,
    rounds: Vec<(String, ExecuteRequest, String)>,
}

impl Evidence {
    async fn after(is_capped: bool, script: impl IntoIterator<Item = Scripted>) -> Self {
        let world = World::new().await;
        world.gateway.capped.store(is_capped, Ordering::Relaxed);
        world.gateway.script(script);
        world.run().await;
        world.check_ended(Status::Completed).await;
        let mut rounds = Vec::new();
        for step in world.stored::<StepDoc>(&steps_collection(&world.task)) {
            if step.step != "evidence" {
                continue;
            }
            let artifacts = world.engine.ports.artifacts.as_ref();
            let request =
                serde_json::from_str(&step.request.load(artifacts).await.unwrap()).unwrap();
            let answer: ExecuteResponse =
                serde_json::from_str(&step.answer.unwrap().load(artifacts).await.unwrap()).unwrap();
            rounds.push((step.index, request, answer.response));
        }
        rounds.sort_by_key(|(index, ..)| index.replace('c', "z"));
        Self { world, rounds }
    }

    /// Each round with the schema it asked for and the bound it was sent.
    fn asked(&self) -> Vec<(&str, &str, Option<u64>)> {
        let schema =
            |request: &ExecuteRequest| request.response_schema.as_ref().unwrap().name.clone();
        let name =
            |request: &ExecuteRequest| if schema(request) == "edits" { "edits" } else { "whole" };
        self.rounds
            .iter()
            .map(|(index, it, _)| (index.as_str(), name(it), it.max_output_tokens))
            .collect()
    }

    /// The answer that a round's request shows to the model.
    fn shown(&self, round: usize) -> &str {
        let messages = &self.rounds[round].1.messages;
        &messages.iter().find(|message| message.role == MessageRole::Assistant).unwrap().content
    }

    /// What was published, and how many errors it has.
    async fn published(&self) -> (Value, usize) {
        let (doc, content) =
            self.world.engine.artifact(&self.world.task, Kind::Evidence).await.unwrap();
        let errors =
            doc.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        (content, errors)
    }

    fn broken_rounds(&self) -> Vec<u64> {
        let events = self
            .world
            .events()
            .into_iter()
            .filter(|event| event.event == EventKind::ValidationFailed);
        events.map(|event| event.data["round"].as_u64().unwrap()).collect()
    }
}

const BOUND: Option<u64> = Some(3_000);

fn gap(text: &str) -> String {
    json!({ "edits": [{ "op": "add", "path": "/gaps/-", "value": text }] }).to_string()
}

#[tokio::test]
async fn an_answer_that_breaks_rules_is_mended_by_edits() {
    let evidence = Evidence::after(false, [Scripted::Say(FAULTY)]).await;
    assert_eq!(evidence.asked(), [("0-r0", "whole", None), ("0-r1", "edits", BOUND)]);
    assert_eq!(evidence.shown(1), FAULTY);
    assert_eq!(evidence.published().await.1, 0);
    assert_eq!(evidence.broken_rounds(), [0]);
}

#[tokio::test]
async fn repairs_as_a_whole_when_edits_fail() {
    // The edits mend one of the wrong quotes.
    let edits = r#"{"edits": [
        {"op": "replace", "path": "/claims/0/quotes/0/source_id", "value": "src_brief"},
        {"op": "replace", "path": "/claims/0/quotes/0/relation", "value": "a relation nobody knows"},
        {"op": "remove", "path": "/claims/1", "value": null}
    ]}"#;
    let evidence = Evidence::after(false, [Scripted::Say(FAULTY), Scripted::Say(edits)]).await;
    let rounds = [("0-r0", "whole", None), ("0-r1", "edits", BOUND), ("0-r2", "whole", None)];
    assert_eq!(evidence.asked(), rounds);
    assert_eq!(evidence.published().await.1, 0);
    assert_eq!(evidence.broken_rounds(), [0, 1]);
}

#[tokio::test]
async fn a_whole_repair_shows_the_better_version() {
    let faulty: Value = serde_json::from_str(FAULTY).unwrap();
    let wrong = json!([{ "source_id": "nowhere", "quote": "no", "relation": "supports", "strength": "weak" }]);
    let mut worse = faulty.clone();
    worse["claims"][0]["quotes"] = wrong.clone();
    worse["claims"][1]["quotes"] = wrong;
    let value = faulty["claims"][0]["quotes"].to_string();
    let edits =
        json!({ "edits": [{ "op": "replace", "path": "/claims/0/quotes", "value": value }] })
            .to_string();
    let script = [Scripted::Say(worse.to_string().leak()), Scripted::Say(edits.leak())];
    let evidence = Evidence::after(false, script).await;
    assert_eq!(evidence.asked().len(), 3);
    let shown: Value = serde_json::from_str(evidence.shown(2)).unwrap();
    assert_eq!(
        (&shown["claims"][0], &shown["claims"][1]),
        (&faulty["claims"][0], &worse["claims"][1])
    );
}

#[tokio::test]
async fn unreadable_edits_leave_the_answer_unchanged() {
    let evidence = Evidence::after(false, [Scripted::Say(FAULTY), Scripted::Say("no edits")]).await;
    assert_eq!(evidence.asked().len(), 3);
    assert_eq!(evidence.shown(2), FAULTY);
    assert_eq!(evidence.published().await.1, 0);
}

#[tokio::test]
async fn an_unreadable_answer_is_repaired_as_a_whole() {
    let evidence = Evidence::after(false, [Scripted::Say("no JSON"), Scripted::Say(FAULTY)]).await;
    let rounds = [("0-r0", "whole", None), ("0-r1", "whole", None), ("0-r2", "whole", None)];
    assert_eq!(evidence.asked(), rounds);
    assert_eq!((evidence.shown(1), evidence.shown(2)), ("no JSON", FAULTY));
}

#[tokio::test]
async fn a_capped_models_critique_edits_the_answer() {
    let edits = gap("How many of the firms have a contract today?").leak();
    let evidence = Evidence::after(true, [Scripted::Simulate, Scripted::Say(edits)]).await;
    assert_eq!(evidence.asked(), [("0-r0", "whole", None), ("0-c", "edits", BOUND)]);
    assert_eq!(evidence.shown(1), evidence.rounds[0].2);
    let (published, errors) = evidence.published().await;
    let first: Value = serde_json::from_str(&evidence.rounds[0].2).unwrap();
    let gaps = |content: &Value| content["gaps"].as_array().unwrap().len();
    assert_eq!((gaps(&published), errors), (gaps(&first) + 1, 0));
}

#[tokio::test]
async fn an_unusable_critique_leaves_the_first_answer() {
    let breaking = r#"{"edits": [{"op": "replace", "path": "/claims/0/text", "value": ""}]}"#;
    for critique in [breaking, "no edits", r#"{"edits": []}"#] {
        let evidence = Evidence::after(true, [Scripted::Simulate, Scripted::Say(critique)]).await;
        let untouched = Evidence::after(false, [Scripted::Simulate]).await;
        let claims = async |evidence: &Evidence| evidence.published().await.0["claims"].clone();
        assert_eq!(claims(&evidence).await, claims(&untouched).await, "{critique}");
        assert_eq!(evidence.published().await.1, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_worker_repeats_a_dead_workers_repair() {
    let world = World::new().await;
    world.gateway.script([Scripted::Say(FAULTY), Scripted::Hang]);
    world.run_and_die().await;
    world.sweep_after(LEASE_SECONDS + WAKE_AFTER_LEASE_SECONDS).await;
    world.run().await;
    world.check_ended(Status::Completed).await;
    let asked = world.gateway.asked();
    assert!(
        asked[0].starts_with("evidence-0-r0") && asked[1].starts_with("evidence-0-r1"),
        "{asked:?}"
    );
    assert_eq!(asked[1], asked[2]);
    assert_eq!(asked[2..].len(), asked[2..].iter().collect::<BTreeSet<_>>().len());
}
