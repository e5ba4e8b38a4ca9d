//! Edits to the answer in a conversation, for a critique or a repair of a step of an analysis.
//!
//! Both come from drafts of the same step: a repair replaces what differs from the simulation's own
//! draft, a critique takes some wordings from other drafts.

use domain::step::Step;
use ports::{MessageRole, ModelMessage};
use serde_json::{Value, json};

use super::{chance::Chance, context::Context, drafts};

/// The most edits of a repair; with more, whole fields are replaced.
const MOST_OF_REPAIR: usize = 24;
/// The most wordings that a critique changes.
const MOST_WORDINGS: usize = 6;
/// Names of the drafts that wordings are taken from.
const OTHER_DRAFTS: [&str; 3] = ["second thoughts", "another day", "another hand"];
/// One in this many critiques changes nothing.
const CONTENT: usize = 8;
/// Texts shorter than this many bytes are names or single words, which other fields may repeat.
const SENTENCE_BYTES: usize = 40;

/// Answers a request for edits; `None` if the conversation has no answer to a step. `chance` is
/// that of the first messages.
pub(super) fn write(
    messages: &[ModelMessage],
    chance: impl Fn(&[ModelMessage]) -> Chance,
) -> Option<Value> {
    // A gateway that rejected edits shows them after the answer, so the first answer counts.
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
            repairs(&shown, &drafts::write(step, &context, first)?)
        } else {
            let others =
                OTHER_DRAFTS.iter().map(|other| drafts::write(step, &context, first.with(other)));
            rewordings(&shown, &others.collect::<Option<Vec<_>>>()?, chance(messages))
        };
    Some(json!({ "edits": edits }))
}

/// The step that a prompt asks for: its last words, before any feedback.
fn step(prompt: &str) -> Option<Step> {
    let (_, named) = prompt.rsplit_once("Write your part: `")?;
    named.split_once('`')?.0.parse().ok()
}

/// The edits that turn what is shown into the wanted answer.
fn repairs(shown: &Value, wanted: &Value) -> Vec<Value> {
    let edits: Vec<Value> =
        differences(shown, wanted, String::new()).iter().map(Difference::edit).collect();
    if edits.len() <= MOST_OF_REPAIR {
        return edits;
    }
    let fields = wanted.as_object().into_iter().flatten();
    let others = fields.filter(|(name, field)| shown.get(name.as_str()) != Some(field));
    others.map(|(name, field)| edit("replace", &format!("/{}", escaped(name)), field)).collect()
}

/// Edits that take some wordings from other drafts; sometimes none.
fn rewordings(shown: &Value, others: &[Value], chance: Chance) -> Vec<Value> {
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

/// The sentences that another draft words differently.
fn other_words<'a>(shown: &'a Value, other: &'a Value) -> Vec<Difference<'a>> {
    let (ids, words): (Vec<_>, Vec<_>) = differences(shown, other, String::new())
        .into_iter()
        .partition(|it| it.path.ends_with("/id"));
    // An entry with another id is about something else, so its wording would not fit.
    let is_in_other_entry =
        |path: &str| ids.iter().any(|id| path.starts_with(id.path.trim_end_matches("id")));
    let is_sentence =
        |value: &Value| value.as_str().is_some_and(|text| text.len() >= SENTENCE_BYTES);
    let suits = |it: &Difference<'_>| {
        is_sentence(it.shown) && is_sentence(it.wanted) && !is_in_other_entry(&it.path)
    };
    words.into_iter().filter(suits).collect()
}

/// A place in which two answers differ.
struct Difference<'a> {
    path: String,
    shown: &'a Value,
    wanted: &'a Value,
}

impl Difference<'_> {
    fn edit(&self) -> Value {
        match (self.shown, self.wanted) {
            // Null never replaces a text.
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

/// A name as a segment of a JSON Pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
