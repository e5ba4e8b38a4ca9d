//! Embeddings without a model: words and pairs of words, hashed into a fixed number of dimensions.

use domain::vector::DIMENSIONS;

use super::chance::Chance;

/// Weight of pairs: they reflect word order, but texts that share only words should still be
/// similar.
const PAIR_WEIGHT: f32 = 0.5;

/// A unit vector; texts that share many words get similar vectors.
pub(super) fn embed(text: &str) -> Vec<f32> {
    let lower = text.to_lowercase();
    let mut words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        // A text without words must still give a vector that is not zero.
        words.push(&lower);
    }
    let mut vector = vec![0.0; DIMENSIONS];
    for word in &words {
        add(&mut vector, word, 1.0);
    }
    for pair in words.windows(2) {
        add(&mut vector, &pair.join(" "), PAIR_WEIGHT);
    }
    normalised(vector, &lower)
}

/// Adds a feature at an index and with a sign from its hash, so that colliding features cancel as
/// often as they add up.
fn add(vector: &mut [f32], feature: &str, weight: f32) {
    let chance = Chance::new(0).with(feature);
    let sign = if chance.with("sign").bits() & 1 == 0 { weight } else { -weight };
    vector[chance.below(DIMENSIONS)] += sign;
}

fn normalised(mut vector: Vec<f32>, text: &str) -> Vec<f32> {
    let norm =
        |vector: &[f32]| vector.iter().map(|component| component * component).sum::<f32>().sqrt();
    if norm(&vector) == 0.0 {
        // All features cancelled: very unlikely, but the vector must not be zero.
        vector[Chance::new(0).with(text).below(DIMENSIONS)] = 1.0;
    }
    let norm = norm(&vector);
    vector.iter().map(|component| component / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(a: &str, b: &str) -> f32 {
        embed(a).iter().zip(embed(b)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_have_near_embeddings() {
        let text = "Berth planning for small harbours";
        assert!((similarity(text, "berth PLANNING, for small harbours!") - 1.0).abs() < 1e-5);
        assert!(similarity(text, "planning berths in small harbours") > 0.4);
        assert!(similarity(text, "Sourdough bread baked every morning").abs() < 0.2);
    }

    #[test]
    fn every_embedding_is_nonzero() {
        for text in ["", " ", "!?", "a", "ありがとう", &"word ".repeat(10_000)] {
            let norm: f32 = embed(text).iter().map(|component| component * component).sum();
            assert!((norm - 1.0).abs() < 1e-3, "{text:.10}: {norm}");
            assert_eq!(embed(text).len(), DIMENSIONS);
        }
    }
}
