//! The vectors of one business, one behind the other in memory.

use std::collections::HashMap;

use domain::vector::DIMENSIONS;
use ports::{Neighbour, VectorItem, VectorQuery};
use serde_json::{Map, Value};

/// Normalised vectors and their metadata. Row `i` belongs to entry `i`.
#[derive(Default)]
pub(super) struct Matrix {
    rows: Vec<f32>,
    entries: Vec<Entry>,
    positions: HashMap<String, usize>,
}

struct Entry {
    id: String,
    metadata: Map<String, Value>,
}

impl Matrix {
    /// Adds or replaces a vector, which has been checked to have a direction.
    pub(super) fn put(&mut self, item: VectorItem) {
        let row = normalised(&item.embedding);
        if let Some(&position) = self.positions.get(&item.id) {
            self.rows[position * DIMENSIONS..][..DIMENSIONS].copy_from_slice(&row);
            self.entries[position].metadata = item.metadata;
        } else {
            self.positions.insert(item.id.clone(), self.entries.len());
            self.rows.extend(row);
            self.entries.push(Entry { id: item.id, metadata: item.metadata });
        }
    }

    /// Removes a vector, if it is there; the last one takes its place.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(position) = self.positions.remove(id) else { return };
        let last = self.entries.len() - 1;
        self.rows.copy_within(last * DIMENSIONS.., position * DIMENSIONS);
        self.rows.truncate(last * DIMENSIONS);
        self.entries.swap_remove(position);
        if let Some(moved) = self.entries.get(position) {
            self.positions.insert(moved.id.clone(), position);
        }
    }

    /// The nearest vectors among those the filter leaves.
    pub(super) fn nearest(&self, query: &VectorQuery) -> Vec<Neighbour> {
        let wanted = normalised(&query.embedding);
        let candidates = self.entries.iter().zip(self.rows.chunks_exact(DIMENSIONS));
        let mut scored: Vec<(f32, &str)> = candidates
            .filter(|(entry, _)| query.filter.matches(&entry.metadata))
            .map(|(entry, row)| (dot(&wanted, row).clamp(-1.0, 1.0), entry.id.as_str()))
            .collect();
        let closer = |a: &(f32, &str), b: &(f32, &str)| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1));
        if scored.len() > query.top_k {
            scored.select_nth_unstable_by(query.top_k, closer);
            scored.truncate(query.top_k);
        }
        scored.sort_unstable_by(closer);
        scored.into_iter().map(|(score, id)| Neighbour { id: id.into(), score }).collect()
    }
}

/// The Euclidean length.
pub(super) fn norm(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

fn normalised(vector: &[f32]) -> Vec<f32> {
    let norm = norm(vector);
    vector.iter().map(|component| component / norm).collect()
}

/// The scalar product, summed in 32 lanes: independent sums let the compiler use the processor's vector units, and
/// rounding errors stay smaller than in one long sum.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut sums = [0.0_f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scalar_product_covers_every_component() {
        for length in [0, 1, 31, 32, 33, 100] {
            let ones = vec![1.0; length];
            let expected: f32 = ones.iter().sum();
            assert!((dot(&ones, &ones) - expected).abs() < 1e-6, "{length}");
        }
    }

    #[test]
    fn removing_keeps_ids_and_rows_together() {
        let mut matrix = Matrix::default();
        let item = |i: usize| {
            let mut embedding = vec![0.0; DIMENSIONS];
            embedding[i] = 2.0;
            VectorItem { id: i.to_string(), embedding, metadata: Map::new() }
        };
        (0..5).for_each(|i| matrix.put(item(i)));
        for doomed in ["1", "4", "0", "nobody"] {
            matrix.remove(doomed);
        }
        for (entry, row) in matrix.entries.iter().zip(matrix.rows.chunks_exact(DIMENSIONS)) {
            assert!((row[entry.id.parse::<usize>().unwrap()] - 1.0).abs() < 1e-6, "{}", entry.id);
            assert_eq!(matrix.positions.len(), 2);
        }
    }
}
