//! Edits to an answer that the conversation shows, for a critique or a repair of a step of an
//! analysis.
//!
//! Both come from drafts of the same step: a repair puts what the simulation would have written in
//! the places that are otherwise, a critique takes some wordings over from other drafts.

use domain::step::Step;
use ports::{MessageRole, ModelMessage};
use serde_json::{Value, json};

use super::{chance::Chance, context::Context, drafts};

/// More edits than a repair takes are not sent: then whole fields are replaced.
const MOST_OF_REPAIR: usize = 24;
/// Wordings that a critique changes at most.
const MOST_WORDINGS: usize = 6;
/// The drafts they are taken from.
const OTHER_DRAFTS: [&str; 3] = ["second thoughts", "another day", "another hand"];
/// Every so many critiques find nothing to change.
const CONTENT: usize = 8;
/// Shorter texts are names or single words, which other places may repeat.
const SENTENCE_BYTES: usize = 40;

/// Answers a request for edits; `None` when it shows no answer to a step. `chance` is that of the
/// first messages.
pub(super) fn write(
    messages: &[ModelMessage],
    chance: impl Fn(&[ModelMessage]) -> Chance,
) -> Option<Value> {
    // A gateway that did not like the edits shows them after the answer: the answer is the first.
    let (before, rest) =
        messages.split_at(messages.iter().position(|it| it.role == MessageRole::Assistant)?);
    let (shown, requests) = rest.split_first()?;
    let shown: Value = serde_json::from_str(&shown.content).ok()?;
    let asked = before.iter().filter(|message| message.role == MessageRole::User);
    let asked: Vec<&str> = asked.map(|message| message.content.as_str()).collect();
    let (context, step) = (Context::read(&asked)?, step(asked.last()?)?);
    let first = chance(before);
    let edits =
        if requests.iter().any(|request| request.content.contains("<data name=\"findings\">")) {
            mended(&shown, &drafts::write(step, &context, first)?)
        } else {
            let others =
                OTHER_DRAFTS.iter().map(|other| drafts::write(step, &context, first.with(other)));
            reworded(&shown, &others.collect::<Option<Vec<_>>>()?, chance(messages))
        };
    Some(json!({ "edits": edits }))
}

/// The step that a prompt asks for: its last words, before any feedback.
fn step(prompt: &str) -> Option<Step> {
    let (_, named) = prompt.rsplit_once("Write your part: `")?;
    named.split_once('`')?.0.parse().ok()
}

/// The edits that make the wanted answer of what is shown.
fn mended(shown: &Value, wanted: &Value) -> Vec<Value> {
    let edits: Vec<Value> =
        differences(shown, wanted, String::new()).iter().map(Difference::edit).collect();
    if edits.len() <= MOST_OF_REPAIR {
        return edits;
    }
    let fields = wanted.as_object().into_iter().flatten();
    let others = fields.filter(|(name, field)| shown.get(name.as_str()) != Some(field));
    others.map(|(name, field)| edit("replace", &format!("/{}", escaped(name)), field)).collect()
}

/// Some wordings of other drafts for what is shown; now and then nothing.
fn reworded(shown: &Value, others: &[Value], chance: Chance) -> Vec<Value> {
    if chance.with("content").below(CONTENT) == 0 {
        return Vec::new();
    }
    let mut wordings: Vec<Difference<'_>> = Vec::new();
    for wording in others.iter().flat_map(|other| other_words(shown, other)) {
        if wordings.len() < MOST_WORDINGS
            && wordings.iter().all(|earlier| earlier.path != wording.path)
        {
            wordings.push(wording);
        }
    }
    wordings.iter().map(Difference::edit).collect()
}

/// The sentences that another draft words in another way.
fn other_words<'a>(shown: &'a Value, other: &'a Value) -> Vec<Difference<'a>> {
    let (ids, words): (Vec<_>, Vec<_>) = differences(shown, other, String::new())
        .into_iter()
        .partition(|it| it.path.ends_with("/id"));
    // An entry of another id is about another thing: its words would not suit.
    let is_in_other_entry =
        |path: &str| ids.iter().any(|id| path.starts_with(id.path.trim_end_matches("id")));
    let is_sentence =
        |value: &Value| value.as_str().is_some_and(|text| text.len() >= SENTENCE_BYTES);
    let suits = |it: &Difference<'_>| {
        is_sentence(it.shown) && is_sentence(it.wanted) && !is_in_other_entry(&it.path)
    };
    words.into_iter().filter(suits).collect()
}

/// A place where two answers are not the same.
struct Difference<'a> {
    path: String,
    shown: &'a Value,
    wanted: &'a Value,
}

impl Difference<'_> {
    fn edit(&self) -> Value {
        match (self.shown, self.wanted) {
            // No value means null where text stands.
            (Value::String(_), Value::Null) => {
                json!({ "op": "remove", "path": self.path, "value": null })
            }
            _ => edit("replace", &self.path, self.wanted),
        }
    }
}

fn edit(op: &str, path: &str, value: &Value) -> Value {
    let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
    json!({ "op": op, "path": path, "value": value })
}

/// The smallest places that differ; lists of different lengths differ as a whole.
fn differences<'a>(shown: &'a Value, wanted: &'a Value, path: String) -> Vec<Difference<'a>> {
    let nested: Vec<(String, &Value, &Value)> = match (shown, wanted) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => one
            .iter()
            .zip(other)
            .map(|((name, one), (_, other))| (escaped(name), one, other))
            .collect(),
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .enumerate()
            .map(|(n, (one, other))| (n.to_string(), one, other))
            .collect(),
        _ if shown == wanted => return Vec::new(),
        _ => return vec![Difference { path, shown, wanted }],
    };
    nested
        .into_iter()
        .flat_map(|(name, one, other)| differences(one, other, format!("{path}/{name}")))
        .collect()
}

/// A name as a part of a JSON Pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
