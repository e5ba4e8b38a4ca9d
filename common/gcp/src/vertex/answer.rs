//! Vertex AI's answer to a search. It leaves out fields with default values, even an empty list of
//! neighbours.

use domain::BusinessId;
use ports::VectorError;
use serde::Deserialize;

use super::{restricts, wire::Restrict};
use crate::nearness::{self, StoredVector};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    nearest_neighbors: Vec<Nearest>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Nearest {
    neighbors: Vec<Neighbor>,
}

/// The distance is not read: it is rounded, and its sign depends on the index's measure.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Neighbor {
    datapoint: Point,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Point {
    datapoint_id: String,
    feature_vector: Vec<f32>,
    restricts: Vec<Restrict>,
}

/// The business's vectors in the answer.
pub(super) fn found(
    business: &BusinessId,
    answer: &[u8],
) -> Result<Vec<StoredVector>, VectorError> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| unusable(&error))?;
    let neighbors = answer.nearest_neighbors.into_iter().flat_map(|nearest| nearest.neighbors);
    neighbors.map(|neighbor| of_business(business, neighbor.datapoint)).collect()
}

/// A candidate, which must belong to the business: the search demanded it, and it is checked again.
fn of_business(business: &BusinessId, point: Point) -> Result<StoredVector, VectorError> {
    let id = point
        .datapoint_id
        .split_once(':')
        .filter(|(owner, _)| *owner == business.as_str())
        .map(|(_, id)| id);
    let Some(id) = id.filter(|_| restricts::belongs(business, &point.restricts)) else {
        return Err(unusable(&"a vector does not say that it is the business's"));
    };
    nearness::check(&point.feature_vector).map_err(|reason| unusable(&reason))?;
    Ok(StoredVector {
        id: id.into(),
        embedding: point.feature_vector,
        metadata: restricts::metadata(&point.restricts),
    })
}

fn unusable(reason: &dyn std::fmt::Display) -> VectorError {
    VectorError::Unavailable(format!("Vertex AI's answer is of no use: {reason}"))
}
