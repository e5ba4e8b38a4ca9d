//! Checks requests against the description of Vertex AI's REST API in `aiplatform.v1.json`.
//!
//! Google ignores no unknown field and converts no wrong type: both give 400 there, and here.

use std::sync::LazyLock;

use serde_json::Value;

static API: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("aiplatform.v1.json")).unwrap());

/// Checks that the description allows a POST to this path with this body; otherwise returns the
/// field and the fault.
pub(crate) fn check(path: &str, body: &[u8]) -> Result<(), String> {
    let methods = API["methods"].as_object().unwrap();
    let method = methods.values().find(|method| is_match(method["path"].as_str().unwrap(), path));
    let method = method.ok_or_else(|| format!("there is no method at {path}"))?;
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    value(&method["request"], &body, "")
}

/// Whether a path matches a template: `{name}` stands for one segment, and a method's name follows
/// a colon.
fn is_match(template: &str, path: &str) -> bool {
    let parts = |path: &str| {
        path.trim_start_matches('/').split(['/', ':']).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let (template, path) = (parts(template), parts(path));
    let fits = |(wanted, given): (&String, &String)| {
        (wanted.starts_with('{') && !given.is_empty()) || wanted == given
    };
    template.len() == path.len() && template.iter().zip(&path).all(fits)
}

fn value(schema: &Value, given: &Value, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        return value(API["schemas"].get(name).unwrap(), given, at);
    }
    let wrong = |what: &str| Err(format!("{at}: {what}"));
    match schema["type"].as_str().unwrap() {
        "object" => object(schema, given, at),
        "array" => array(schema, given, at),
        "boolean" if given.is_boolean() => Ok(()),
        "string" => match given.as_str() {
            Some(text) if schema["format"] == "int64" && text.parse::<i64>().is_err() => {
                wrong("is no int64")
            }
            Some(text) if is_outside(&schema["enum"], text) => wrong("is none of the enum"),
            Some(_) => Ok(()),
            None => wrong("is no string"),
        },
        "integer" => match given.as_i64() {
            Some(number) if i32::try_from(number).is_ok() => within(schema, given, at),
            _ => wrong("is no int32"),
        },
        "number" => match given.as_f64() {
            Some(number) if schema["format"] == "float" && number.abs() > f64::from(f32::MAX) => {
                wrong("is no float")
            }
            Some(_) => within(schema, given, at),
            None => wrong("is no number"),
        },
        expected => wrong(&format!("is no {expected}")),
    }
}

fn object(schema: &Value, given: &Value, at: &str) -> Result<(), String> {
    let Some(given) = given.as_object() else { return Err(format!("{at}: is no object")) };
    let properties = schema["properties"].as_object().unwrap();
    let inside = |name: &str| format!("{at}.{name}").trim_start_matches('.').to_owned();
    for (name, given) in given {
        let property =
            properties.get(name).ok_or_else(|| format!("{}: unknown field", inside(name)))?;
        value(property, given, &inside(name))?;
    }
    let missing = properties
        .iter()
        .find(|(name, property)| property["required"] == true && !given.contains_key(*name));
    missing.map_or(Ok(()), |(name, _)| Err(format!("{}: missing", inside(name))))
}

fn array(schema: &Value, given: &Value, at: &str) -> Result<(), String> {
    let Some(given) = given.as_array() else { return Err(format!("{at}: is no array")) };
    let count = u64::try_from(given.len()).unwrap();
    let (least, most) =
        (schema["minItems"].as_u64().unwrap_or(0), schema["maxItems"].as_u64().unwrap_or(u64::MAX));
    if !(least..=most).contains(&count) {
        return Err(format!("{at}: {count} items, where {least} to {most} are allowed"));
    }
    given
        .iter()
        .enumerate()
        .try_for_each(|(index, given)| value(&schema["items"], given, &format!("{at}[{index}]")))
}

fn within(schema: &Value, given: &Value, at: &str) -> Result<(), String> {
    let given = given.as_f64().unwrap();
    let bound = |name: &str, otherwise: f64| schema[name].as_f64().unwrap_or(otherwise);
    let is_within = (bound("minimum", f64::MIN)..=bound("maximum", f64::MAX)).contains(&given);
    if is_within { Ok(()) } else { Err(format!("{at}: out of range")) }
}

fn is_outside(allowed: &Value, given: &str) -> bool {
    allowed.as_array().is_some_and(|allowed| !allowed.iter().any(|name| name == given))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UPSERT: &str = "/v1/projects/p/locations/l/indexes/7:upsertDatapoints";
    const REMOVE: &str = "/v1/projects/p/locations/l/indexes/7:removeDatapoints";
    const SEARCH: &str = "/v1/projects/p/locations/l/indexEndpoints/8:findNeighbors";

    fn point() -> Value {
        json!({ "datapointId": "a", "featureVector": crate::vector(&[1.0]) })
    }

    #[track_caller]
    fn refused(path: &str, body: &Value, reason: &str) {
        assert_eq!(super::check(path, body.to_string().as_bytes()), Err(reason.into()));
    }

    /// Checks that a request with one field replaced is refused for `reason`.
    #[track_caller]
    fn changed(field: &str, given: Value, reason: &str) {
        let mut point = point();
        point[field] = given;
        refused(UPSERT, &json!({ "datapoints": [point] }), reason);
    }

    #[test]
    fn the_stub_refuses_invalid_requests() {
        assert_eq!(
            super::check(UPSERT, json!({ "datapoints": [point()] }).to_string().as_bytes()),
            Ok(())
        );
        changed("restrict", json!([]), "datapoints[0].restrict: unknown field");
        changed("datapointId", json!(7), "datapoints[0].datapointId: is no string");
        changed(
            "featureVector",
            json!([1.0]),
            "datapoints[0].featureVector: 1 items, where 1536 to 1536 are allowed",
        );
        changed("restricts", json!({}), "datapoints[0].restricts: is no array");
        let number = |field: &str, value: Value| json!([{ "namespace": "n", field: value }]);
        let at = |field: &str, reason: &str| {
            format!("datapoints[0].numericRestricts[0].{field}: {reason}")
        };
        changed("numericRestricts", number("valueInt", json!(7)), &at("valueInt", "is no string"));
        changed(
            "numericRestricts",
            number("valueInt", json!("7.5")),
            &at("valueInt", "is no int64"),
        );
        changed(
            "numericRestricts",
            number("valueDouble", json!("7")),
            &at("valueDouble", "is no number"),
        );
        changed(
            "numericRestricts",
            number("valueFloat", json!(1e300)),
            &at("valueFloat", "is no float"),
        );
        changed("numericRestricts", number("op", json!("less")), &at("op", "is none of the enum"));
        let many = json!({ "datapoints": vec![point(); 1001] });
        refused(UPSERT, &many, "datapoints: 1001 items, where 1 to 1000 are allowed");
        refused(UPSERT, &json!({}), "datapoints: missing");
        refused(
            REMOVE,
            &json!({ "datapointIds": [] }),
            "datapointIds: 0 items, where 1 to 1000 are allowed",
        );
        refused(REMOVE, &json!({ "datapointIds": [7] }), "datapointIds[0]: is no string");
    }

    #[test]
    fn the_stub_checks_search_limits_and_methods() {
        let query =
            json!({ "datapoint": { "featureVector": crate::vector(&[1.0]) }, "neighborCount": 10 });
        let body = json!({ "deployedIndexId": "deployed", "queries": [query] });
        assert_eq!(super::check(SEARCH, body.to_string().as_bytes()), Ok(()));
        let with = |field: &str, value: Value| {
            let mut body = body.clone();
            body["queries"][0][field] = value;
            body
        };
        refused(
            SEARCH,
            &with("neighborCount", json!(1001)),
            "queries[0].neighborCount: out of range",
        );
        refused(
            SEARCH,
            &with("neighborCount", json!("10")),
            "queries[0].neighborCount: is no int32",
        );
        let leaves = "fractionLeafNodesToSearchOverride";
        refused(SEARCH, &with(leaves, json!(1.5)), &format!("queries[0].{leaves}: out of range"));
        refused(UPSERT, &body, "deployedIndexId: unknown field");
        let elsewhere = SEARCH.replace("indexEndpoints", "indexes");
        refused(&elsewhere, &body, &format!("there is no method at {elsewhere}"));
    }
}
