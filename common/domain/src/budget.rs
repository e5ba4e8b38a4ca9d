//! The budget rules: work is admitted only while spent + reserved stays within the limit, for the
//! day and for the month.
//!
//! Pure decisions over the documents that the ledger commits: counters (a business's day and
//! month), grants (a task's share of them) and the states of a call.

mod call;
mod counter;
mod grant;
mod refusal;

pub use call::{CallState, MAX_PAID_TRIES, Repeat, on_repeat};
pub use counter::{Counter, Exceeded, WarningLevel};
pub use grant::{Grant, GrantShort, GrantState, Movement, Slice};
pub use refusal::{Refusal, RefusalCode};

use serde::{Deserialize, Serialize};

use crate::Time;

/// The budget periods an amount belongs to: a UTC day and its calendar month.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Period {
    /// `yyyy-mm-dd`.
    pub day: String,
    /// `yyyy-mm`.
    pub month: String,
}

impl Period {
    /// The day and month that an instant falls in, in UTC.
    pub fn of(now: Time) -> Self {
        Self { day: now.day(), month: now.month() }
    }
}

#[cfg(test)]
mod tests;
