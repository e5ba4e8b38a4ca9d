//! Injected faults at configured rates, the same for the same request and attempt.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ports::{Billing, NextMove, ProviderError};

use super::chance::Chance;

/// Rates of faults as shares of all attempts. Parsed from `rate_limit=0.05,timeout=0.01`; faults
/// that are not named do not occur.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Faults {
    /// 429 with a Retry-After of one second.
    pub rate_limit: f64,
    /// 503 before anything was generated.
    pub unavailable: f64,
    /// A timeout with unknown billing, reported at once instead of waiting.
    pub timeout: f64,
    /// An answer that is cut in the middle.
    pub invalid: f64,
    /// A connection that breaks in the middle of an answer.
    pub cut: f64,
    /// A stream that falls silent in its middle until the idle timeout. Without a stream it is
    /// reported at once.
    pub stall: f64,
}

/// The error for a text that is not a list of faults.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a list such as `rate_limit=0.05,unavailable=0.05,timeout=0.01,invalid=0.02,cut=0.01,stall=0.01` with a sum up to 1"
)]
pub struct InvalidFaults(String);

impl FromStr for Faults {
    type Err = InvalidFaults;

    fn from_str(text: &str) -> Result<Self, InvalidFaults> {
        let invalid = || InvalidFaults(text.into());
        let mut faults = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, share) = entry.split_once('=').ok_or_else(invalid)?;
            let field = match name.trim() {
                "rate_limit" => &mut faults.rate_limit,
                "unavailable" => &mut faults.unavailable,
                "timeout" => &mut faults.timeout,
                "invalid" => &mut faults.invalid,
                "cut" => &mut faults.cut,
                "stall" => &mut faults.stall,
                _ => return Err(invalid()),
            };
            *field = share
                .trim()
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(invalid)?;
        }
        if faults.sum() <= 1.0 { Ok(faults) } else { Err(invalid()) }
    }
}

impl Faults {
    fn sum(self) -> f64 {
        self.rate_limit + self.unavailable + self.timeout + self.invalid + self.cut + self.stall
    }

    /// The rates laid end to end from 0 to 1; `draw` selects one of them or none.
    fn fault_kind(self, draw: f64) -> Option<FaultKind> {
        let failure = |code: &str, message: &str, next, billing| {
            let (code, message) = (code.into(), format!("simulated: {message}"));
            FaultKind::Failure(ProviderError { code, message, next, billing })
        };
        let after = Some(Duration::from_secs(1));
        let mishaps = [
            (
                self.rate_limit,
                failure(
                    "rate_limited",
                    "too many requests",
                    NextMove::Retry { after },
                    Billing::None,
                ),
            ),
            (
                self.unavailable,
                failure(
                    "unavailable",
                    "the provider is overloaded",
                    NextMove::Retry { after: None },
                    Billing::None,
                ),
            ),
            (
                self.timeout,
                failure("timeout", "no answer in time", NextMove::NextModel, Billing::Unknown),
            ),
            (self.invalid, FaultKind::InvalidAnswer),
            (self.cut, FaultKind::Cut),
            (self.stall, FaultKind::Stall),
        ];
        let mut end = 0.0;
        mishaps.into_iter().find_map(|(share, fault_kind)| {
            end += share;
            (draw < end).then_some(fault_kind)
        })
    }
}

/// The fault of an attempt.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum FaultKind {
    Failure(ProviderError),
    InvalidAnswer,
    Cut,
    Stall,
}

pub(super) struct FaultPlan {
    faults: Faults,
    attempts: Mutex<HashMap<Chance, u32>>,
}

impl FaultPlan {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, attempts: Mutex::default() }
    }

    pub(super) fn next(&self, request: Chance) -> Option<FaultKind> {
        // Attempts are only counted if faults are configured, because the count grows with every
        // request.
        if self.faults.sum() == 0.0 {
            return None;
        }
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
            let attempt = attempts.entry(request).or_default();
            *attempt += 1;
            *attempt
        };
        self.faults.fault_kind(request.with(&format!("attempt {attempt}")).share())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_a_list() {
        let faults: Faults = "rate_limit=0.05, invalid=0.02".parse().unwrap();
        assert_eq!(faults, Faults { rate_limit: 0.05, invalid: 0.02, ..Faults::default() });
        assert_eq!("".parse(), Ok(Faults::default()));
        for bad in [
            "rate_limit",
            "rate_limit=x",
            "rate_limit=-0.1",
            "flood=0.1",
            "timeout=0.6,invalid=0.6",
            "timeout=NaN",
        ] {
            assert_eq!(bad.parse::<Faults>(), Err(InvalidFaults(bad.into())));
        }
    }

    #[test]
    fn each_fault_occurs_at_its_configured_rate() {
        let plan = FaultPlan::new(
            "rate_limit=0.2,unavailable=0.1,timeout=0.05,invalid=0.05,cut=0.05,stall=0.05"
                .parse()
                .unwrap(),
        );
        let mut seen: HashMap<String, usize> = HashMap::new();
        for request in 0..10_000 {
            let kind = match plan.next(Chance::new(request)) {
                Some(FaultKind::Failure(error)) => error.code,
                Some(FaultKind::InvalidAnswer) => "invalid".into(),
                Some(FaultKind::Cut) => "cut".into(),
                Some(FaultKind::Stall) => "stall".into(),
                None => "none".into(),
            };
            *seen.entry(kind).or_default() += 1;
        }
        let expected = [
            ("rate_limited", 2_000),
            ("unavailable", 1_000),
            ("timeout", 500),
            ("invalid", 500),
            ("cut", 500),
            ("stall", 500),
            ("none", 5_000),
        ];
        for (kind, count) in expected {
            assert!(seen[kind].abs_diff(count) < 150, "{kind}: {seen:?}");
        }
    }

    #[test]
    fn a_retry_draws_anew_and_a_rerun_repeats() {
        let outcomes = || {
            let plan = FaultPlan::new("unavailable=0.5".parse().unwrap());
            (0..20).map(|_| plan.next(Chance::new(7)).is_some()).collect::<Vec<_>>()
        };
        assert!(outcomes().contains(&true) && outcomes().contains(&false));
        assert_eq!(outcomes(), outcomes());
    }
}
