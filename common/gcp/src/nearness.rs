//! Scoring, ordering and validation of vectors, the same for both vector services.

use std::cmp::Ordering;

use domain::vector::DIMENSIONS;
use ports::{Neighbour, VectorError, VectorItem, VectorQuery};
use serde_json::{Map, Value};

/// The most neighbours that a service returns, and that a query may ask for.
pub(crate) const MOST: usize = 1000;

/// A stored vector with its metadata, as read from a service.
pub(crate) struct StoredVector {
    pub(crate) id: String,
    pub(crate) embedding: Vec<f32>,
    pub(crate) metadata: Map<String, Value>,
}

/// Refuses a query that no index can answer.
pub(crate) fn check_query(query: &VectorQuery) -> Result<(), VectorError> {
    check(&query.embedding).map_err(VectorError::Invalid)?;
    if (1..=MOST).contains(&query.top_k) {
        Ok(())
    } else {
        Err(VectorError::Invalid(format!("top_k must be 1 to {MOST}")))
    }
}

/// Refuses all items if one of them cannot be stored.
pub(crate) fn check_items(items: &[VectorItem]) -> Result<(), VectorError> {
    items.iter().try_for_each(|item| {
        check(&item.embedding)
            .map_err(|reason| VectorError::Invalid(format!("`{}`: {reason}", item.id)))
    })
}

/// The vectors in `found` that pass the query's filter, closest first, ties by id.
///
/// The score is computed here, because the services round their distances and the sign depends on
/// the measure.
pub(crate) fn ranked<'a>(
    query: &VectorQuery,
    found: impl IntoIterator<Item = &'a StoredVector>,
) -> Vec<Neighbour> {
    let matching = found.into_iter().filter(|found| query.filter.matches(&found.metadata));
    let neighbour = |found: &StoredVector| Neighbour {
        id: found.id.clone(),
        score: cosine(&query.embedding, &found.embedding),
    };
    let mut neighbours: Vec<Neighbour> = matching.map(neighbour).collect();
    neighbours.sort_by(closest_first);
    neighbours
}

/// The order of all results: closest first, ties by id.
pub(crate) fn closest_first(a: &Neighbour, b: &Neighbour) -> Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
    };
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "a cosine lies between -1 and 1")]
    let score = cosine as f32;
    score
}

/// Checks that a vector has the right size and is not zero.
pub(crate) fn check(embedding: &[f32]) -> Result<(), String> {
    if embedding.len() != DIMENSIONS {
        return Err(format!("a vector has {DIMENSIONS} dimensions, not {}", embedding.len()));
    }
    let norm: f32 = embedding.iter().map(|x| x * x).sum();
    if norm.is_finite() && norm > 0.0 {
        Ok(())
    } else {
        Err("a vector needs a direction: finite and not zero".into())
    }
}
