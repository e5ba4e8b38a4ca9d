//! How long to wait before something that failed is tried again.

use std::{ops::RangeInclusive, time::Duration};

/// Waits that double with each failure in a row, up to a longest one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Upper bound of the pause, after any number of failures.
    pub longest: Duration,
}

impl Backoff {
    /// How long to wait at most after so many failures in a row; the first is number 1.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

/// Any time from `least` to `most`, as `random` picks one in microseconds: those who failed
/// together must not try again together.
pub fn jitter(
    least: Duration,
    most: Duration,
    random: impl FnOnce(RangeInclusive<u64>) -> u64,
) -> Duration {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random(micros(least)..=micros(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let backoff = Backoff { first: ms(500), longest: ms(30_000) };
        let waits = [0, 1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| backoff.ceiling(failures));
        let expected = [500, 500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000].map(ms);
        assert_eq!(waits, expected);
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        let (least, most) = (Duration::from_millis(10), Duration::from_millis(200));
        assert_eq!(jitter(least, most, |range| *range.start()), least);
        assert_eq!(jitter(least, most, |range| *range.end()), most);
    }
}
