//! The rounded vectors of one business in memory; they select the vectors that a search must score
//! exactly.

use std::{cmp::Ordering, collections::BinaryHeap, collections::HashMap};

use domain::vector::{DIMENSIONS, Filter};
use ports::VectorItem;
use serde_json::{Map, Value};

use super::{
    exact::normalised,
    quantised::{Scale, Wanted, store},
};

/// A full matrix grows by an eighth: doubling would leave up to half of a large one unused.
const GROWTH: usize = 8;
const LEAST_GROWTH: usize = 256;

/// Rounded unit vectors and their metadata. Row `i` belongs to entry `i`.
#[derive(Default)]
pub(super) struct Matrix {
    rows: Vec<i8>,
    entries: Vec<Entry>,
    positions: HashMap<String, usize>,
}

struct Entry {
    id: String,
    metadata: Map<String, Value>,
    scale: Scale,
}

/// A vector that may be among the nearest, ordered by the upper bound of its score.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Upper bound of its score.
    pub(super) most: f64,
    position: usize,
}

impl Matrix {
    /// An empty matrix with capacity for this many vectors.
    pub(super) fn with_capacity(vectors: usize) -> Self {
        Self {
            rows: Vec::with_capacity(vectors * DIMENSIONS),
            entries: Vec::with_capacity(vectors),
            positions: HashMap::with_capacity(vectors),
        }
    }

    /// How many vectors there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds or replaces a vector that was checked not to be zero.
    pub(super) fn put(&mut self, item: VectorItem) {
        let VectorItem { id, embedding, metadata } = item;
        let unit = normalised(&embedding);
        if let Some(&position) = self.positions.get(&id) {
            let scale = store(&unit, &mut self.rows[position * DIMENSIONS..][..DIMENSIONS]);
            self.entries[position] = Entry { id, metadata, scale };
        } else {
            let position = self.entries.len();
            if self.rows.len() == self.rows.capacity() {
                self.rows.reserve_exact((position / GROWTH).max(LEAST_GROWTH) * DIMENSIONS);
            }
            self.rows.resize((position + 1) * DIMENSIONS, 0);
            let scale = store(&unit, &mut self.rows[position * DIMENSIONS..]);
            self.positions.insert(id.clone(), position);
            self.entries.push(Entry { id, metadata, scale });
        }
    }

    /// Removes a vector if it exists; the last one takes its row.
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

    /// Every vector that passes the filter, with the upper bound of its score against a unit
    /// vector.
    pub(super) fn candidates(&self, unit: &[f32], filter: &Filter) -> BinaryHeap<Candidate> {
        let wanted = Wanted::new(unit);
        let rows = self.entries.iter().zip(self.rows.chunks_exact(DIMENSIONS)).enumerate();
        rows.filter(|(_, (entry, _))| filter.matches(&entry.metadata))
            .map(|(position, (entry, row))| Candidate {
                most: wanted.most(row, entry.scale),
                position,
            })
            .collect()
    }

    /// The id of a candidate.
    pub(super) fn id(&self, candidate: &Candidate) -> &str {
        &self.entries[candidate.position].id
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.most.total_cmp(&other.most).then_with(|| other.position.cmp(&self.position))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_keeps_ids_and_rows_together() {
        let mut matrix = Matrix::default();
        let axis = |i: usize| {
            (0..DIMENSIONS).map(|at| if at == i { 2.0 } else { 0.0 }).collect::<Vec<f32>>()
        };
        (0..5).for_each(|i| {
            matrix.put(VectorItem { id: i.to_string(), embedding: axis(i), metadata: Map::new() });
        });
        for doomed in ["1", "4", "0", "nobody"] {
            matrix.remove(doomed);
        }
        for left in [2, 3] {
            let nearest =
                matrix.candidates(&normalised(&axis(left)), &Filter::default()).pop().unwrap();
            assert_eq!(matrix.id(&nearest), left.to_string());
        }
        assert_eq!(
            (matrix.entries.len(), matrix.positions.len(), matrix.rows.len()),
            (2, 2, 2 * DIMENSIONS)
        );
    }
}
