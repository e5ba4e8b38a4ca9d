//! Request bodies of Vertex AI's REST API.
//! <https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.indexes/upsertDatapoints>

use ports::VectorError;
use serde::{Deserialize, Serialize};

use super::restricts::Restricts;

/// A vector to store.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Datapoint<'a> {
    #[serde(rename = "datapointId")]
    pub(super) id: String,
    pub(super) feature_vector: &'a [f32],
    #[serde(flatten)]
    pub(super) restricts: Restricts,
}

/// Tokens of one namespace.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Restrict {
    pub(super) namespace: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allow_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny_list: Vec<String>,
}

impl Restrict {
    pub(super) fn allow(namespace: String, allow_list: Vec<String>) -> Self {
        Self { namespace, allow_list, deny_list: Vec::new() }
    }

    pub(super) fn deny(namespace: String, deny_list: Vec<String>) -> Self {
        Self { namespace, allow_list: Vec::new(), deny_list }
    }
}

/// A number in one namespace. All numbers of a namespace must have the same type, so all are
/// doubles.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NumericRestrict {
    pub(super) namespace: String,
    pub(super) value_double: f64,
    /// The comparison; used in searches only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) op: Option<Op>,
}

/// How a vector's number compares with the search's.
#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Op {
    Less,
    LessEqual,
    GreaterEqual,
    Greater,
}

/// Bodies of `upsertDatapoints`, each within both limits.
pub(super) fn upserts<'a>(
    points: impl Iterator<Item = Datapoint<'a>>,
    most_points: usize,
    most_bytes: usize,
) -> Result<Vec<String>, VectorError> {
    let mut batches: Vec<(usize, String)> = Vec::new();
    for point in points {
        let point = json(&point)?;
        match batches.last_mut() {
            Some((count, batch))
                if *count < most_points && batch.len() + point.len() < most_bytes =>
            {
                *count += 1;
                batch.push(',');
                batch.push_str(&point);
            }
            _ => batches.push((1, point)),
        }
    }
    Ok(batches.into_iter().map(|(_, batch)| format!(r#"{{"datapoints":[{batch}]}}"#)).collect())
}

/// The body of `removeDatapoints`.
pub(super) fn removal(datapoint_ids: &[String]) -> Result<String, VectorError> {
    json(&serde_json::json!({ "datapointIds": datapoint_ids }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindNeighbors<'a> {
    deployed_index_id: &'a str,
    queries: [Query<'a>; 1],
    return_full_datapoint: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Query<'a> {
    datapoint: Wanted<'a>,
    neighbor_count: usize,
    approximate_neighbor_count: usize,
    fraction_leaf_nodes_to_search_override: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    feature_vector: &'a [f32],
    #[serde(flatten)]
    restricts: &'a Restricts,
}

/// The body of `findNeighbors`.
pub(super) fn find_neighbors(
    deployed_index_id: &str,
    feature_vector: &[f32],
    restricts: &Restricts,
    count: usize,
) -> Result<String, VectorError> {
    let query = Query {
        datapoint: Wanted { feature_vector, restricts },
        neighbor_count: count,
        // The index's default may be smaller than the count and would cut the result.
        approximate_neighbor_count: count,
        // The few vectors of one business are spread over all leaves, so a search of only the
        // nearest leaves would miss them.
        fraction_leaf_nodes_to_search_override: 1.0,
    };
    json(&FindNeighbors { deployed_index_id, queries: [query], return_full_datapoint: true })
}

fn json(body: &impl Serialize) -> Result<String, VectorError> {
    serde_json::to_string(body).map_err(|error| VectorError::Invalid(error.to_string()))
}
