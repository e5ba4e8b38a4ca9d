//! Answers to requests that are not a step of an analysis: a value for any JSON schema, or a
//! paragraph.

use serde_json::{Map, Value, json};

use super::chance::Chance;

/// Below this depth a recursive schema gets its smallest values.
const DEEP: usize = 6;
const WORDS: [&str; 12] = [
    "plan", "market", "buyer", "offer", "proof", "channel", "price", "season", "habit", "message",
    "trial", "service",
];

/// A few sentences about the request.
pub(super) fn paragraph(asked: &str, chance: Chance) -> String {
    let topic: Vec<&str> = asked.split_whitespace().take(12).collect();
    let topic = if topic.is_empty() { "nothing in particular".into() } else { topic.join(" ") };
    let opening =
        chance.with("opening").pick(["This is a simulated answer", "Here is a simulated answer"]);
    let advice = chance.with("advice").pick([
        "Start with the buyers who already feel the problem, and let one proof carry the message.",
        "Say one thing, show one proof, and ask for one next step.",
        "Choose the channel where buyers already look, and measure one change at a time.",
        "Write down what would change the decision before collecting more facts.",
    ]);
    format!("{opening} to: {topic}. {advice}")
}

/// A value that the schema accepts.
pub(super) fn value(schema: &Value, chance: Chance) -> Value {
    Walk { root: schema }.value(schema, "value", 0, chance)
}

struct Walk<'a> {
    root: &'a Value,
}

impl<'a> Walk<'a> {
    fn value(&self, schema: &'a Value, name: &str, depth: usize, chance: Chance) -> Value {
        if let Some(target) = schema["$ref"].as_str() {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target
                .map_or(Value::Null, |target| self.value(target, name, depth + 1, chance));
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(choices) = schema["enum"].as_array() {
            return choices.get(chance.below(choices.len())).cloned().unwrap_or_default();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.all_of(schema, parts, name, depth, chance);
        }
        if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            let choice = chosen(choices, depth, |choice| choice["type"] == "null");
            return choice
                .map_or(Value::Null, |choice| self.value(choice, name, depth + 1, chance));
        }
        match kind(schema, depth) {
            "object" => self.object(schema, depth, chance),
            "array" => self.array(schema, name, depth, chance),
            "string" => text(schema, name, chance).into(),
            "integer" => integer(schema, chance),
            "number" => number(schema, chance),
            "boolean" => json!(chance.bits() & 1 == 0),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &'a Value, depth: usize, chance: Chance) -> Value {
        let required = schema["required"].as_array();
        let required = |name: &str| {
            required.is_some_and(|required| required.iter().any(|wanted| wanted == name))
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let wanted = properties.filter(|(name, _)| required(name) || depth < DEEP);
        wanted
            .map(|(name, schema)| {
                (name.clone(), self.value(schema, name, depth + 1, chance.with(name)))
            })
            .collect()
    }

    fn array(&self, schema: &'a Value, name: &str, depth: usize, chance: Chance) -> Value {
        let least = count(schema, "minItems").unwrap_or(0);
        let most = count(schema, "maxItems").unwrap_or(usize::MAX);
        let wanted = if depth < DEEP { least.max(2) } else { least };
        let item =
            |i: usize| self.value(&schema["items"], name, depth + 1, chance.with(&i.to_string()));
        (0..wanted.min(most)).map(item).collect()
    }

    /// The parts' values merged, with the schema's own properties.
    fn all_of(
        &self,
        schema: &'a Value,
        parts: &'a [Value],
        name: &str,
        depth: usize,
        chance: Chance,
    ) -> Value {
        let values = parts.iter().map(|part| self.value(part, name, depth + 1, chance));
        let own = schema.get("properties").map(|_| self.object(schema, depth, chance));
        values.chain(own).reduce(merged).unwrap_or_default()
    }
}

fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            Value::Object(one.into_iter().chain(other).collect::<Map<_, _>>())
        }
        (Value::Null, other) => other,
        (one, _) => one,
    }
}

/// The first choice that is not null, or null at great depth.
fn chosen<T>(choices: &[T], depth: usize, is_null: impl Fn(&T) -> bool) -> Option<&T> {
    let null = choices.iter().find(|choice| is_null(choice));
    let something = choices.iter().find(|choice| !is_null(choice));
    if depth < DEEP { something.or(null) } else { null.or(something) }
}

fn kind(schema: &Value, depth: usize) -> &str {
    if let Some(kind) = schema["type"].as_str() {
        kind
    } else if let Some(kinds) = schema["type"].as_array() {
        chosen(kinds, depth, |kind| *kind == "null").and_then(Value::as_str).unwrap_or("null")
    } else if schema.get("properties").is_some() {
        "object"
    } else {
        "string"
    }
}

fn count(schema: &Value, bound: &str) -> Option<usize> {
    schema[bound].as_u64().and_then(|count| usize::try_from(count).ok())
}

fn text(schema: &Value, name: &str, chance: Chance) -> String {
    match schema["format"].as_str() {
        Some("date") => return "2026-01-05".into(),
        Some("date-time") => return "2026-01-05T09:00:00Z".into(),
        Some("uuid") => return "00000000-0000-4000-8000-000000000000".into(),
        Some("email") => return "simulated@example.org".into(),
        Some("uri") => return "https://example.org/".into(),
        _ => {}
    }
    let word = |part: &str| chance.with(part).pick(WORDS);
    let mut text =
        format!("simulated {} {} {}", name.replace('_', " "), word("first"), word("second"));
    let least = count(schema, "minLength").unwrap_or(0);
    while text.chars().count() < least {
        text.push_str(" and so on");
    }
    text.chars().take(count(schema, "maxLength").unwrap_or(usize::MAX)).collect()
}

fn integer(schema: &Value, chance: Chance) -> Value {
    let bound = |inclusive: &str, exclusive: &str, step: i64| {
        let exclusive = schema[exclusive].as_i64().map(|bound| bound.saturating_add(step));
        schema[inclusive].as_i64().or(exclusive)
    };
    let (least, most) =
        (bound("minimum", "exclusiveMinimum", 1), bound("maximum", "exclusiveMaximum", -1));
    let least = least.unwrap_or_else(|| most.map_or(1, |most| most.min(1)));
    let most = most.unwrap_or(i64::MAX).max(least);
    let step = i64::try_from(chance.below(5)).unwrap_or(0);
    json!(least.saturating_add(step).min(most))
}

fn number(schema: &Value, chance: Chance) -> Value {
    let bound = |inclusive: &str, exclusive: &str| {
        schema[inclusive].as_f64().or(schema[exclusive].as_f64())
    };
    let (least, most) =
        (bound("minimum", "exclusiveMinimum"), bound("maximum", "exclusiveMaximum"));
    let (least, most) = match (least, most) {
        (Some(least), Some(most)) => (least, most),
        (Some(least), None) => (least, least + 10.0),
        (None, Some(most)) => (most - 10.0, most),
        (None, None) => (0.0, 10.0),
    };
    // Strictly between the bounds, which may be exclusive.
    json!(least + (most - least) * (0.25 + chance.share() / 2.0))
}
