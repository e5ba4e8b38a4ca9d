//! Vectors quantised to a quarter of the memory, each with a bound on the error of its products.

/// The largest integer of a stored component.
const MOST_STORED: f32 = 127.0;
/// The largest integer of a query component. Products over 1536 dimensions stay below 2^31, and the
/// query's own error is a sixteenth of a stored vector's.
const MOST_WANTED: f32 = 2_047.0;
/// An upper bound of the rounding error of a product of two unit vectors of 1536 dimensions in
/// 32-bit arithmetic.
const ROUNDING: f64 = 1e-5;

/// How the integers of a stored unit vector are scaled.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scale {
    /// The factor of each integer.
    step: f64,
    /// An upper bound of the Euclidean length of the quantisation error.
    error: f64,
}

/// The unit vector of a query.
pub(super) struct Wanted {
    components: Vec<i16>,
    scale: Scale,
}

impl Wanted {
    pub(super) fn new(unit: &[f32]) -> Self {
        let mut components = vec![0; unit.len()];
        let scale = quantise(unit, MOST_WANTED, &mut components);
        Self { components, scale }
    }

    /// An upper bound of the product with a stored vector: with the unit vectors `w` and `v` and
    /// their quantised values `w'` and `v'`, `w·v = w'·v' + w·(v − v') + (w − w')·v'`, and a
    /// product is at most the product of the lengths.
    pub(super) fn most(&self, stored: &[i8], scale: Scale) -> f64 {
        let product = f64::from(product(&self.components, stored)) * self.scale.step * scale.step;
        product + scale.error + self.scale.error * (1.0 + scale.error) + ROUNDING
    }
}

/// Quantises a unit vector.
pub(super) fn store(unit: &[f32], into: &mut [i8]) -> Scale {
    quantise(unit, MOST_STORED, into)
}

fn quantise<T: FromWhole>(unit: &[f32], most: f32, into: &mut [T]) -> Scale {
    let longest = unit.iter().fold(0.0_f32, |longest, component| longest.max(component.abs()));
    let step = longest / most;
    let mut square = 0.0;
    for (component, whole) in unit.iter().zip(into) {
        let rounded = (component / step).round().clamp(-most, most);
        *whole = T::from_whole(rounded);
        let lost = f64::from(*component) - f64::from(rounded) * f64::from(step);
        square += lost * lost;
    }
    Scale { step: f64::from(step), error: square.sqrt() }
}

/// The narrow integer type of the components.
trait FromWhole {
    fn from_whole(whole: f32) -> Self;
}

impl FromWhole for i8 {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 127")]
    fn from_whole(whole: f32) -> Self {
        whole as Self
    }
}

impl FromWhole for i16 {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 2047")]
    fn from_whole(whole: f32) -> Self {
        whole as Self
    }
}

/// The scalar product. Sixteen sums of products of two 16-bit numbers compile to vector
/// instructions that every 64-bit processor has: 27 ms for a hundred thousand vectors. A single
/// sum, and 32-bit numbers, took twice as long.
fn product(wanted: &[i16], stored: &[i8]) -> i32 {
    const LANES: usize = 16;
    let mut sums = [0_i32; LANES];
    let ((wanted, wanted_rest), (stored, stored_rest)) =
        (wanted.as_chunks::<LANES>(), stored.as_chunks::<LANES>());
    for (wanted, stored) in wanted.iter().zip(stored) {
        for lane in 0..LANES {
            sums[lane] += i32::from(wanted[lane]) * i32::from(i16::from(stored[lane]));
        }
    }
    let rest: i32 =
        wanted_rest.iter().zip(stored_rest).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    sums.iter().sum::<i32>() + rest
}

#[cfg(test)]
mod tests {
    use domain::vector::DIMENSIONS;

    use super::*;

    #[test]
    fn the_longest_vectors_do_not_overflow() {
        let stored = vec![-127_i8; DIMENSIONS];
        assert_eq!(product(&vec![2_047; DIMENSIONS], &stored), -127 * 2_047 * 1_536);
    }

    #[test]
    fn the_bound_of_a_product_is_tight() {
        let unit = |seed: f32| {
            let steps = std::iter::successors(Some(seed), |angle| Some(angle + 1.0 + seed));
            let vector: Vec<f32> = steps.map(f32::sin).take(DIMENSIONS).collect();
            let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
            vector.into_iter().map(|component| component / length).collect::<Vec<_>>()
        };
        for (a, b) in [(0.1, 0.1), (0.1, 0.2), (0.3, 0.7), (2.0, 2.001), (0.5, 0.501)] {
            let (wanted, vector) = (unit(a), unit(b));
            let mut stored = vec![0; DIMENSIONS];
            let scale = store(&vector, &mut stored);
            let most = Wanted::new(&wanted).most(&stored, scale);
            let exact: f64 =
                wanted.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!(exact <= most && most - exact < 0.02, "{a} {b}: {exact} {most}");
        }
    }
}
