//! Changes to an answer instead of the answer again: what a critique and a first repair ask for.
//!
//! Most of a good answer stays as it is, and output is the dear part of a call. The edits are those
//! of RFC 6902 that a strict schema can ask for, and are applied one by one: a model that gets one
//! path wrong loses that edit alone.

use json_patch::{
    AddOperation, PatchOperation, RemoveOperation, ReplaceOperation,
    jsonptr::{Pointer, PointerBuf},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most edits that are taken from a critique.
pub const MOST_OF_CRITIQUE: usize = 12;
/// Most edits that are taken from a repair, where every finding may need some.
pub const MOST_OF_REPAIR: usize = 24;

/// Changes to an answer, in the order in which they are made.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Edits {
    /// The changes, made one after the other; empty when nothing is to be changed.
    pub edits: Vec<Edit>,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    /// What is done.
    pub op: Op,
    /// The place as a JSON Pointer into the answer, such as `/options/1/statement`; lists count
    /// from 0.
    pub path: String,
    /// What belongs there, null for `remove`. Where the place holds text, that text as it is,
    /// without quotation marks around it; anything else as JSON.
    pub value: Option<String>,
}

/// What an edit does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Puts the value in the place of what is there.
    Replace,
    /// Puts the value before the list's entry of that number, or at the list's end when the path
    /// ends in `/-`.
    Add,
    /// Takes away what is there.
    Remove,
}

/// An answer after some edits.
#[derive(Clone, PartialEq, Debug)]
pub struct Edited {
    /// The answer.
    pub answer: Value,
    /// How many edits were made; the others did not fit.
    pub applied: usize,
}

impl Edits {
    /// Makes the first `most` edits, in order. One that cannot be made, or after which the answer
    /// would not be what `fits` asks for, is left out and the next one is made.
    #[must_use]
    pub fn apply(&self, answer: Value, most: usize, fits: impl Fn(&Value) -> bool) -> Edited {
        let mut edited = Edited { answer, applied: 0 };
        for edit in self.edits.iter().take(most) {
            if let Some(answer) = edit.made(&edited.answer, &fits) {
                edited = Edited { answer, applied: edited.applied + 1 };
            }
        }
        edited
    }
}

impl Edit {
    /// The answer with this edit made, `None` when it does not fit.
    fn made(&self, answer: &Value, fits: &impl Fn(&Value) -> bool) -> Option<Value> {
        let path = PointerBuf::parse(self.path.as_str()).ok()?;
        let operations = match self.op {
            Op::Remove => vec![PatchOperation::Remove(RemoveOperation { path })],
            Op::Replace => {
                let values = readings(self.value.as_deref()?, answer.pointer(&self.path));
                let replace =
                    |value| PatchOperation::Replace(ReplaceOperation { path: path.clone(), value });
                values.into_iter().map(replace).collect()
            }
            Op::Add => {
                let values = readings(self.value.as_deref()?, sibling(answer, &path));
                let add = |value| PatchOperation::Add(AddOperation { path: path.clone(), value });
                values.into_iter().map(add).collect()
            }
        };
        operations.into_iter().find_map(|operation| {
            let mut edited = answer.clone();
            json_patch::patch_unsafe(&mut edited, &[operation]).ok()?;
            fits(&edited).then_some(edited)
        })
    }
}

/// What a value may mean, likeliest first. `like` is what is there, or stands beside it: text makes
/// it text, anything else makes it JSON. Where that says nothing, it may be either.
fn readings(value: &str, like: Option<&Value>) -> Vec<Value> {
    let json = || serde_json::from_str(value).ok();
    let text = || Some(Value::String(value.to_owned()));
    let readings = match like {
        Some(Value::String(_)) => [text(), None],
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            [json(), None]
        }
        Some(Value::Null) | None => [json(), text()],
    };
    readings.into_iter().flatten().collect()
}

/// Another entry of the list that is added to, or what a field holds so far.
fn sibling<'a>(answer: &'a Value, path: &Pointer) -> Option<&'a Value> {
    let parent = answer.pointer(path.parent()?.as_str())?;
    parent.as_array().map_or_else(|| answer.pointer(path.as_str()), |entries| entries.first())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn edit(op: Op, path: &str, value: Option<&str>) -> Edit {
        Edit { op, path: path.into(), value: value.map(Into::into) }
    }

    fn replace(path: &str, value: &str) -> Edit {
        edit(Op::Replace, path, Some(value))
    }

    fn apply(answer: &Value, edits: impl IntoIterator<Item = Edit>) -> (Value, usize) {
        let edits = Edits { edits: edits.into_iter().collect() };
        let Edited { answer, applied } = edits.apply(answer.clone(), MOST_OF_REPAIR, |_| true);
        (answer, applied)
    }

    fn answer() -> Value {
        json!({ "title": "Berths", "score": 3, "as_of": null, "tags": ["a", "b"], "none": [], "rows": [{ "id": "x" }] })
    }

    /// Makes one edit and compares the place it changed, or expects it to be left out.
    fn check(edit: &Edit, place: &str, expect: Option<Value>) {
        let (edited, applied) = apply(&answer(), [edit.clone()]);
        match expect {
            Some(value) => {
                assert_eq!((edited.pointer(place), applied), (Some(&value), 1), "{edit:?}");
            }
            None => assert_eq!((edited, applied), (answer(), 0), "{edit:?}"),
        }
    }

    #[test]
    fn reads_values_as_text_or_json_by_their_place() {
        let add = |path, value| edit(Op::Add, path, Some(value));
        check(&replace("/title", "12"), "/title", Some(json!("12")));
        check(&replace("/title", "\"Slots\""), "/title", Some(json!("\"Slots\"")));
        check(&replace("/score", "12"), "/score", Some(json!(12)));
        check(&replace("/rows/0", "{\"id\": \"y\"}"), "/rows/0/id", Some(json!("y")));
        check(&add("/tags/-", "3"), "/tags", Some(json!(["a", "b", "3"])));
        check(&add("/tags/0", "3"), "/tags", Some(json!(["3", "a", "b"])));
        check(&add("/rows/-", "{\"id\": \"y\"}"), "/rows/1", Some(json!({ "id": "y" })));
        check(&add("/none/-", "[1]"), "/none", Some(json!([[1]])));
        check(&add("/none/-", "words"), "/none", Some(json!(["words"])));
        check(&replace("/as_of", "March"), "/as_of", Some(json!("March")));
        check(&edit(Op::Remove, "/tags/0", None), "/tags", Some(json!(["b"])));
    }

    #[test]
    fn an_edit_that_does_not_fit_is_left_out() {
        check(&replace("title", "no pointer"), "", None);
        check(&replace("/nothing", "1"), "", None);
        check(&replace("/tags/2", "beyond"), "", None);
        check(&replace("/score", "three"), "", None);
        check(&replace("/rows/0", "{\"id\": "), "", None);
        check(&edit(Op::Replace, "/title", None), "", None);
        check(&edit(Op::Add, "/tags/7", Some("beyond")), "", None);
        check(&edit(Op::Add, "/title/-", Some("no list")), "", None);
        check(&edit(Op::Remove, "/none/-", None), "", None);
        check(&edit(Op::Remove, "", None), "", None);
    }

    #[test]
    fn applies_the_other_edits_when_one_fails() {
        let edits =
            [replace("/title", "one"), replace("/nowhere", "two"), replace("/title", "three")];
        let (edited, applied) = apply(&answer(), edits);
        assert_eq!((&edited["title"], applied), (&json!("three"), 2));
    }

    #[test]
    fn takes_the_fitting_reading_or_leaves_the_edit_out() {
        let year = Edits { edits: vec![replace("/as_of", "2026"), replace("/title", "2026")] };
        let fits = |answer: &Value| answer["as_of"].is_string() && answer["title"] == "Berths";
        let edited = year.apply(answer(), MOST_OF_CRITIQUE, fits);
        assert_eq!(
            (&edited.answer["as_of"], &edited.answer["title"]),
            (&json!("2026"), &json!("Berths"))
        );
        assert_eq!(edited.applied, 1);
    }

    #[test]
    fn no_more_edits_are_made_than_are_taken() {
        let edits = Edits {
            edits: (0..5).map(|n| edit(Op::Add, "/tags/-", Some(&n.to_string()))).collect(),
        };
        let edited = edits.apply(answer(), 3, |_| true);
        assert_eq!(
            (&edited.answer["tags"], edited.applied),
            (&json!(["a", "b", "0", "1", "2"]), 3)
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab~/]{0,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Every place of a value.
    fn places(value: &Value, path: &Pointer) -> Vec<PointerBuf> {
        let mut all = vec![path.to_owned()];
        for (name, field) in value.as_object().into_iter().flatten() {
            all.extend(places(field, &path.with_trailing_token(name.as_str())));
        }
        for (index, entry) in value.as_array().into_iter().flatten().enumerate() {
            all.extend(places(entry, &path.with_trailing_token(index)));
        }
        all
    }

    fn any_edit() -> impl Strategy<Value = Edit> {
        let op = prop_oneof![Just(Op::Replace), Just(Op::Add), Just(Op::Remove)];
        let path = prop_oneof!["(/([ab]|~0|~1|[0-9]|-|)){0,4}", ".{0,8}"];
        let value = prop_oneof![any_json().prop_map(|value| value.to_string()), ".{0,8}"];
        (op, path, prop::option::of(value)).prop_map(|(op, path, value)| Edit { op, path, value })
    }

    proptest! {
        #[test]
        fn edits_never_panic_and_none_change_nothing(
            answer in any_json(), edits in prop::collection::vec(any_edit(), 0..8)
        ) {
            let made = apply(&answer, edits.clone()).1;
            prop_assert!(made <= edits.len());
            prop_assert_eq!(apply(&answer, []), (answer, 0));
        }

        #[test]
        fn what_was_replaced_is_what_the_pointer_finds(
            answer in any_json(), at in any::<prop::sample::Index>(), value in any_json()
        ) {
            let all = places(&answer, Pointer::root());
            let path = at.get(&all).as_str();
            let is_text = answer.pointer(path).unwrap().is_string();
            let (edited, applied) = apply(&answer, [replace(path, &value.to_string())]);
            let expect = if is_text { Value::String(value.to_string()) } else { value };
            prop_assert_eq!((edited.pointer(path), applied), (Some(&expect), 1));
        }
    }
}
