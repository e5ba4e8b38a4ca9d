//! JSON schemas in the subset that providers enforce strictly.
//!
//! Strict mode wants an object at the root, every property required, no further properties, and
//! knows few keywords; see <https://platform.openai.com/docs/guides/structured-outputs>.
//! Definitions are inlined, because a reference may not have a description beside it there, and the
//! descriptions are instructions to the model.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// What strict mode understands. Everything else is left out; counts and lengths are asked for in
/// descriptions.
const KEYWORDS: [&str; 8] = [
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "anyOf",
];

/// The strict schema of a type.
pub fn strict<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tighten(&mut schema);
    schema
}

fn tighten(schema: &mut Value) {
    split_nullable_object(schema);
    let Value::Object(keywords) = schema else { return };
    name_variants(keywords);
    if let Some(Value::String(description)) = keywords.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    keywords.retain(|keyword, _| KEYWORDS.contains(&keyword.as_str()));
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        properties.values_mut().for_each(tighten);
        let names: Vec<Value> = properties.keys().cloned().map(Value::String).collect();
        keywords.insert("required".into(), Value::Array(names));
        keywords.insert("additionalProperties".into(), Value::Bool(false));
    }
    if let Some(items) = keywords.get_mut("items") {
        tighten(items);
    }
    if let Some(Value::Array(choices)) = keywords.get_mut("anyOf") {
        choices.iter_mut().for_each(tighten);
    }
}

/// Turns an object that may be null into a choice between the two: not every provider reads a list
/// of types beside properties.
fn split_nullable_object(schema: &mut Value) {
    let nullable = schema["type"].as_array().is_some_and(|types| types.contains(&json!("object")));
    if let (true, Value::Object(keywords)) = (nullable, &mut *schema) {
        keywords.insert("type".into(), json!("object"));
        let description = keywords.remove("description");
        let object = std::mem::take(keywords);
        *schema = json!({"anyOf": [object, {"type": "null"}]});
        if let Some(description) = description {
            schema["description"] = description;
        }
    }
}

/// Turns an enum whose variants are documented, which is a choice among constants, into a plain
/// list of values; the variants' documentation joins the description.
fn name_variants(keywords: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = keywords.remove("oneOf") else { return };
    let names: Vec<Value> =
        variants.iter().filter_map(|variant| variant.get("const").cloned()).collect();
    let meanings: Vec<String> = variants
        .iter()
        .filter_map(|variant| {
            let (name, meaning) =
                (variant.get("const")?.as_str()?, variant.get("description")?.as_str()?);
            Some(format!("`{name}`: {}", meaning.trim_end_matches('.')))
        })
        .collect();
    let described = keywords.get("description").and_then(Value::as_str).unwrap_or_default();
    let described = format!("{described} {}.", meanings.join("; "));
    keywords.insert("type".into(), json!("string"));
    keywords.insert("enum".into(), Value::Array(names));
    keywords.insert("description".into(), Value::String(described.trim().into()));
}

#[cfg(test)]
mod tests {
    use crate::artefact::{
        amec::Amec,
        asset_briefs::AssetBriefs,
        competitor_ladder::CompetitorLadder,
        content_calendar::CalendarBlockDraft,
        evidence::EvidenceDraft,
        icps::IcpsDraft,
        marketing_7ps::Marketing7ps,
        north_star::NorthStarDraft,
        positioning::PositioningDraft,
        situation_analysis::SituationAnalysis,
        sostac::{SostacOpeningDraft, SostacPlanDraft},
    };

    use super::*;

    /// What a schema adds up to; providers limit each.
    #[derive(Default)]
    struct Size {
        properties: usize,
        name_chars: usize,
        enum_values: usize,
        depth: usize,
    }

    fn walk(schema: &Value, depth: usize, size: &mut Size) {
        let keywords = schema.as_object().unwrap();
        let unknown: Vec<_> =
            keywords.keys().filter(|keyword| !KEYWORDS.contains(&keyword.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        size.depth = size.depth.max(depth);
        if let Some(values) = keywords.get("enum").and_then(Value::as_array) {
            assert!(!values.is_empty());
            size.enum_values += values.len();
            size.name_chars +=
                values.iter().map(|value| value.as_str().unwrap().len()).sum::<usize>();
        }
        match keywords.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                assert_eq!(keywords["additionalProperties"], false);
                let required: Vec<_> = keywords["required"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|it| it.as_str().unwrap())
                    .collect();
                assert_eq!(required, properties.keys().collect::<Vec<_>>());
                size.properties += properties.len();
                size.name_chars += properties.keys().map(String::len).sum::<usize>();
                for (name, property) in properties {
                    assert!(
                        property.get("description").is_some(),
                        "`{name}` tells the model nothing"
                    );
                    walk(property, depth + 1, size);
                }
            }
            None => assert_ne!(
                keywords.get("type"),
                Some(&json!("object")),
                "an object without properties"
            ),
        }
        keywords.get("items").into_iter().for_each(|items| walk(items, depth + 1, size));
        let choices = keywords.get("anyOf").and_then(Value::as_array).into_iter().flatten();
        choices.for_each(|choice| walk(choice, depth, size));
    }

    fn check<T: JsonSchema>() {
        let schema = strict::<T>();
        assert_eq!(schema["type"], "object");
        let mut size = Size::default();
        walk(&schema, 0, &mut size);
        // The documented limits, the depth that of objects and lists together.
        assert!(
            size.properties <= 5000
                && size.enum_values <= 1000
                && size.name_chars <= 120_000
                && size.depth <= 10
        );
    }

    #[test]
    fn every_schema_is_strict() {
        check::<EvidenceDraft>();
        check::<SituationAnalysis>();
        check::<CompetitorLadder>();
        check::<SostacOpeningDraft>();
        check::<PositioningDraft>();
        check::<IcpsDraft>();
        check::<NorthStarDraft>();
        check::<Marketing7ps>();
        check::<SostacPlanDraft>();
        check::<CalendarBlockDraft>();
        check::<AssetBriefs>();
        check::<Amec>();
        check::<crate::prompts::Edits>();
    }

    #[test]
    fn optional_fields_are_nullable_and_variants_are_explained() {
        let claim = &strict::<EvidenceDraft>()["properties"]["claims"]["items"]["properties"];
        assert_eq!(claim["as_of"]["type"], json!(["string", "null"]));
        assert_eq!(claim["statistic"]["anyOf"][1]["type"], "null");
        assert_eq!(claim["type"]["enum"], json!(["fact", "statistic", "opinion", "inference"]));
        assert!(
            claim["type"]["description"]
                .as_str()
                .unwrap()
                .contains("`inference`: Follows from other claims")
        );
    }
}
