//! Circuit breakers: a model that keeps failing is skipped for a while, so that no call waits for
//! it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::Time;

/// Failures in a row that open a breaker.
const FAILURES: u32 = 5;
/// How long it stays open at first, in seconds; it doubles with each failed probe.
const OPEN_SECONDS: i64 = 15;
/// How long at most.
const LONGEST_SECONDS: i64 = 240;

/// One breaker for each model.
#[derive(Default)]
pub(crate) struct Breakers(Mutex<HashMap<String, Breaker>>);

#[derive(Clone, Copy, Default)]
struct Breaker {
    failures: u32,
    /// Times it opened in a row.
    openings: u32,
    /// Until when nobody else may try: while it is open, and while a probe is under way.
    closed_until: Option<Time>,
}

impl Breakers {
    /// Whether a model may be tried. Once an open breaker's time is over, one caller at a time may
    /// probe.
    pub(crate) fn admits(&self, model: &str, now: Time) -> bool {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breaker) = breakers.get_mut(model) else { return true };
        match breaker.closed_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                breaker.closed_until = Some(now.plus_seconds(OPEN_SECONDS));
                true
            }
        }
    }

    /// Notes that a model answered.
    pub(crate) fn succeeded(&self, model: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(model);
    }

    /// Notes that a model failed for reasons of its own, not of the request's.
    pub(crate) fn failed(&self, model: &str, now: Time) {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = breakers.entry(model.to_owned()).or_default();
        breaker.failures += 1;
        if breaker.failures >= FAILURES {
            let seconds = (OPEN_SECONDS << breaker.openings.min(8)).min(LONGEST_SECONDS);
            breaker.openings += 1;
            breaker.closed_until = Some(now.plus_seconds(seconds));
            tracing::warn!(
                gen_ai.request.model = model,
                seconds,
                "model {model} keeps failing and is passed over"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_ms(1_800_000_000_000).plus_seconds(seconds)
    }

    #[test]
    fn the_breaker_opens_then_probes_then_closes() {
        let breakers = Breakers::default();
        for _ in 0..FAILURES {
            assert!(breakers.admits("m", at(0)));
            breakers.failed("m", at(0));
        }
        assert!(!breakers.admits("m", at(14)));
        assert!(breakers.admits("other", at(14)));
        assert!(breakers.admits("m", at(15)), "the probe");
        assert!(!breakers.admits("m", at(16)), "one at a time");
        breakers.failed("m", at(16));
        assert!(!breakers.admits("m", at(45)), "twice as long after a failed probe");
        assert!(breakers.admits("m", at(46)));
        breakers.succeeded("m");
        assert!(breakers.admits("m", at(46)) && breakers.admits("m", at(46)));
    }

    #[test]
    fn single_failures_between_successes_change_nothing() {
        let breakers = Breakers::default();
        for _ in 0..20 {
            breakers.failed("m", at(0));
            breakers.succeeded("m");
        }
        assert!(breakers.admits("m", at(0)));
    }

    #[test]
    fn a_lost_probe_does_not_block_the_model_forever() {
        let breakers = Breakers::default();
        (0..FAILURES).for_each(|_| breakers.failed("m", at(0)));
        assert!(breakers.admits("m", at(20)));
        assert!(breakers.admits("m", at(35)));
    }
}
