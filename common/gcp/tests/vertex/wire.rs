//! Requests as the REST API documents them: unknown fields, wrong types and violations of its rules
//! are refused.

use domain::vector::DIMENSIONS;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Upsert {
    pub(crate) datapoints: Vec<Datapoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Removal {
    pub(crate) datapoint_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Search {
    pub(crate) deployed_index_id: String,
    pub(crate) queries: Vec<Query>,
    pub(crate) return_full_datapoint: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Query {
    pub(crate) datapoint: Datapoint,
    pub(crate) neighbor_count: i32,
    pub(crate) approximate_neighbor_count: Option<i32>,
    pub(crate) fraction_leaf_nodes_to_search_override: Option<f64>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Datapoint {
    #[serde(default, rename = "datapointId")]
    pub(crate) id: String,
    pub(crate) feature_vector: Vec<f32>,
    #[serde(default)]
    pub(crate) restricts: Vec<Restrict>,
    #[serde(default)]
    pub(crate) numeric_restricts: Vec<NumericRestrict>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Restrict {
    pub(crate) namespace: String,
    #[serde(default)]
    pub(crate) allow_list: Vec<String>,
    #[serde(default)]
    pub(crate) deny_list: Vec<String>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NumericRestrict {
    pub(crate) namespace: String,
    #[serde(default, deserialize_with = "int64")]
    pub(crate) value_int: Option<i64>,
    pub(crate) value_float: Option<f32>,
    pub(crate) value_double: Option<f64>,
    pub(crate) op: Option<Op>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Op {
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
    NotEqual,
}

/// A 64-bit integer is a string in Google's JSON.
fn int64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

impl Datapoint {
    /// Rules for stored points and searched points alike; only searched ones may compare.
    pub(crate) fn check(&self, compares: bool) -> Result<(), String> {
        if self.feature_vector.len() != DIMENSIONS
            || !self.feature_vector.iter().all(|x| x.is_finite())
        {
            return Err("featureVector: the index has 1536 dimensions".into());
        }
        let owners = self.restricts.iter().filter(|restrict| restrict.namespace == "business_id");
        if owners.map(|owner| (owner.allow_list.len(), owner.deny_list.len())).collect::<Vec<_>>()
            != [(1, 0)]
        {
            return Err("restricts: no business, or several".into());
        }
        let mut names: Vec<&str> =
            self.restricts.iter().map(|restrict| restrict.namespace.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) || names.contains(&"") {
            return Err("restricts: a namespace without a name, or twice".into());
        }
        for restrict in &self.restricts {
            if restrict.allow_list.is_empty() == restrict.deny_list.is_empty()
                || (!compares && !restrict.deny_list.is_empty())
            {
                return Err(format!(
                    "restricts: {} allows and denies, or neither",
                    restrict.namespace
                ));
            }
        }
        for number in &self.numeric_restricts {
            // A namespace has one type; this index's numbers are doubles.
            if number.value_double.is_none()
                || number.value_int.is_some()
                || number.value_float.is_some()
            {
                return Err(format!("numericRestricts: {} is not one double", number.namespace));
            }
            if number.op.is_some() != compares || number.namespace.is_empty() {
                return Err(format!(
                    "numericRestricts: {} must compare in searches alone",
                    number.namespace
                ));
            }
        }
        Ok(())
    }
}
