//! The budget of one business for one day or month.

use serde::{Deserialize, Serialize};

use crate::NanoUsd;

/// How near to its limit a period is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningLevel {
    /// At least 75 % of the limit is spent.
    Warning,
    /// At least 90 % of the limit is spent.
    Critical,
    /// New work was refused for lack of budget.
    Exhausted,
}

impl WarningLevel {
    /// The level's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Exhausted => "exhausted",
        }
    }
}

/// Limit, spent and reserved money of a period. Admission keeps `spent + reserved ≤ limit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counter {
    /// The most that may be spent in the period.
    pub limit: NanoUsd,
    /// Money spent by settled calls.
    pub spent: NanoUsd,
    /// Money held for calls and tasks in flight.
    pub reserved: NanoUsd,
    /// The highest level that was warned of in this period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<WarningLevel>,
}

/// The error for an amount that does not fit into the budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exceeded {
    /// The largest amount that would have fitted.
    pub remaining: NanoUsd,
}

impl Counter {
    /// A period in which nothing is spent or reserved.
    pub fn new(limit: NanoUsd) -> Self {
        Self { limit, spent: NanoUsd::ZERO, reserved: NanoUsd::ZERO, warned: None }
    }

    /// What can still be reserved; negative after the tier was lowered or after usage was reported
    /// from outside.
    pub fn remaining(&self) -> NanoUsd {
        self.limit - self.spent - self.reserved
    }

    /// Reserves an amount, if it fits.
    pub fn reserve(self, amount: NanoUsd) -> Result<Self, Exceeded> {
        if amount > self.remaining() {
            return Err(Exceeded { remaining: self.remaining().or_zero() });
        }
        Ok(Self { reserved: self.reserved + amount, ..self })
    }

    /// Adds `spent` and takes `released` from what is reserved. A cost above its hold is booked in
    /// full.
    #[must_use]
    pub fn book(self, spent: NanoUsd, released: NanoUsd) -> Self {
        Self { spent: self.spent + spent, reserved: (self.reserved - released).or_zero(), ..self }
    }

    /// The level that the spending has reached, if no warning was given for it yet.
    pub fn crossed(&self) -> Option<WarningLevel> {
        let share = self.spent.percent_of(self.limit);
        let level = if share >= 90.0 {
            WarningLevel::Critical
        } else if share >= 75.0 {
            WarningLevel::Warning
        } else {
            return None;
        };
        (self.warned < Some(level)).then_some(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(spent: i64, reserved: i64) -> Counter {
        Counter { spent: NanoUsd(spent), reserved: NanoUsd(reserved), ..Counter::new(NanoUsd(100)) }
    }

    #[test]
    fn holds_never_exceed_the_limit() {
        assert_eq!(counter(50, 20).reserve(NanoUsd(30)), Ok(counter(50, 50)));
        assert_eq!(counter(50, 20).reserve(NanoUsd(31)), Err(Exceeded { remaining: NanoUsd(30) }));
        assert_eq!(counter(120, 0).reserve(NanoUsd(1)), Err(Exceeded { remaining: NanoUsd(0) }));
    }

    #[test]
    fn each_level_is_crossed_once() {
        let at = |spent, warned| Counter { warned, ..counter(spent, 0) }.crossed();
        assert_eq!(at(74, None), None);
        assert_eq!(at(75, None), Some(WarningLevel::Warning));
        assert_eq!(at(80, Some(WarningLevel::Warning)), None);
        assert_eq!(at(95, None), Some(WarningLevel::Critical));
        assert_eq!(at(95, Some(WarningLevel::Exhausted)), None);
    }
}
