//! Tests of the simulation's edits for critiques and repairs, applied to its own drafts.

use domain::step::Step;
use marketing::prompts::{
    Edits,
    edits::{MOST_OF_CRITIQUE, MOST_OF_REPAIR},
};
use ports::{MessageRole, ModelMessage};

use super::*;
use crate::edits;

fn conversation(step: &str, prompt: &str, shown: &Value, request: &str) -> Vec<ModelMessage> {
    vec![
        ModelMessage::text(MessageRole::User, format!("{prompt}\nWrite your part: `{step}`.")),
        ModelMessage::text(MessageRole::Assistant, shown.to_string()),
        ModelMessage::text(MessageRole::User, request),
    ]
}

/// The simulation's answer to a request for edits.
fn asked(step: &str, prompt: &str, shown: &Value, request: &str, seed: u64) -> Edits {
    let messages = conversation(step, prompt, shown, request);
    let chance = |messages: &[ModelMessage]| {
        messages.iter().fold(Chance::new(seed), |chance, message| chance.with(&message.content))
    };
    serde_json::from_value(edits::write(&messages, chance).unwrap()).unwrap()
}

fn made<D: Draft>(edits: &Edits, shown: &Value, most: usize) -> Value {
    let edited = edits.apply(shown.clone(), most, |answer| D::deserialize(answer).is_ok());
    assert_eq!(edited.applied, edits.edits.len(), "{edits:#?}");
    edited.answer
}

/// Asserts that a draft has no errors after a critique, and that a repair corrects a damaged one.
pub(super) fn assert_no_errors<D: Draft>(step: Step, prompt: &str, draft: &Value, run: &Run) {
    let critique = asked(step.name(), prompt, draft, "Read your answer.", run.seed);
    run.judge::<D>(step, made::<D>(&critique, draft, MOST_OF_CRITIQUE));

    let findings = "<data name=\"findings\">[]</data>";
    let sound =
        made::<D>(&asked(step.name(), prompt, draft, findings, run.seed), draft, MOST_OF_REPAIR);
    let faulty = damaged(sound.clone());
    assert_ne!(faulty, sound);
    let repair = asked(step.name(), prompt, &faulty, findings, run.seed);
    assert_eq!(made::<D>(&repair, &faulty, MOST_OF_REPAIR), sound, "{step}");
}

/// An answer with one list emptied and one text removed.
fn damaged(mut answer: Value) -> Value {
    let fields = answer.as_object_mut().unwrap();
    let mut lists =
        fields.values_mut().filter_map(Value::as_array_mut).filter(|list| !list.is_empty());
    lists.next().unwrap().clear();
    if let Some(Value::String(text)) = fields.values_mut().find(|field| field.is_string()) {
        text.clear();
    }
    answer
}

#[test]
fn most_critiques_change_some_wordings_and_some_change_nothing() {
    let counts = (0..40).map(|seed| {
        let run = Run::new(briefs::software(), 3, seed);
        let prompt = run.prompt(None);
        let context = Context::read(&[&prompt]).unwrap();
        let draft =
            write(Step::SituationAnalysis, &context, Chance::new(seed).with(&prompt)).unwrap();
        asked("situation_analysis", &prompt, &draft, "Read your answer.", seed).edits.len()
    });
    let counts: Vec<usize> = counts.collect();
    assert!(counts.iter().all(|count| *count <= MOST_OF_CRITIQUE));
    let empty = counts.iter().filter(|count| **count == 0).count();
    assert!((1..=12).contains(&empty), "{counts:?}");
}

#[test]
fn a_conversation_without_an_answer_gets_no_edits() {
    let chance = |_: &[ModelMessage]| Chance::new(1);
    let run = Run::new(briefs::software(), 3, 1);
    let messages =
        conversation("poetry", &run.prompt(None), &json!({"a": "b"}), "Read your answer.");
    assert_eq!(edits::write(&messages, chance), None);
    assert_eq!(edits::write(&messages[..1], chance), None);
}
