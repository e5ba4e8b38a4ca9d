//! Exact scores, and the search for the highest.

use std::collections::BinaryHeap;

use ports::Neighbour;

use super::matrix::{Candidate, Matrix};

/// The nearest vectors among candidates, with exact scores: candidates are taken off the heap,
/// looked up and scored until none of the rest can exceed the worst result.
///
/// Rounding changes a score by about a hundredth, so a few dozen vectors are looked up, however
/// many there are.
pub(super) fn nearest<E>(
    matrix: &Matrix,
    unit: &[f32],
    mut candidates: BinaryHeap<Candidate>,
    top_k: usize,
    mut embedding: impl FnMut(&str) -> Result<Vec<f32>, E>,
) -> Result<Vec<Neighbour>, E> {
    let mut best: Vec<Neighbour> = Vec::with_capacity(top_k.min(candidates.len()) + 1);
    while let Some(candidate) = candidates.pop() {
        // Ties are ordered by id, so a candidate with an equal bound still counts.
        if best.len() == top_k
            && best.last().is_some_and(|worst| f64::from(worst.score) > candidate.most)
        {
            break;
        }
        let id = matrix.id(&candidate);
        let score = dot(unit, &normalised(&embedding(id)?)).clamp(-1.0, 1.0);
        let found = Neighbour { id: id.into(), score };
        let place = best.partition_point(|better| closer(better, &found));
        best.insert(place, found);
        best.truncate(top_k);
    }
    Ok(best)
}

fn closer(a: &Neighbour, b: &Neighbour) -> bool {
    b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)).is_lt()
}

/// The Euclidean length.
pub(super) fn norm(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

/// The vector of length 1 in the same direction.
pub(super) fn normalised(vector: &[f32]) -> Vec<f32> {
    let norm = norm(vector);
    vector.iter().map(|component| component / norm).collect()
}

/// The scalar product, summed in 32 SIMD lanes: independent sums let the compiler use vector units,
/// and rounding errors stay smaller than in one long sum.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
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
}
