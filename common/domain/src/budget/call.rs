//! The life of a paid call, and what a repeat of it means.

use serde::{Deserialize, Serialize};

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Money is held; the provider may be at work.
    Reserved,
    /// Answered, stored and charged.
    Done,
    /// Known not to be billed; nothing was charged.
    Failed,
    /// Perhaps billed: charged at its bound.
    Unknown,
    /// Ended by a cancel; charged for what was or may have been generated.
    Cut,
}

/// The most times a call whose billing is unknown is paid.
pub const MAX_PAID_TRIES: u32 = 2;

/// What to do with a request whose call exists already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// The key was used for another request: refuse.
    Mismatch,
    /// Return the stored answer; nothing is paid.
    Stored,
    /// Somebody else is at it: wait.
    Wait,
    /// It failed unbilled, or may be paid once more: reserve under a fresh hold.
    Again,
    /// It was paid as often as it may be.
    Exhausted,
}

/// Decides a repeat from the stored call.
pub fn on_repeat(state: CallState, same_request: bool, paid_tries: u32) -> Repeat {
    if !same_request {
        return Repeat::Mismatch;
    }
    match state {
        CallState::Done => Repeat::Stored,
        // Even past its sweep_at: the money may be spent, and only the sweep may end the hold.
        CallState::Reserved => Repeat::Wait,
        CallState::Failed => Repeat::Again,
        CallState::Unknown | CallState::Cut if paid_tries < MAX_PAID_TRIES => Repeat::Again,
        CallState::Unknown | CallState::Cut => Repeat::Exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: CallState, same: bool, tries: u32, expect: Repeat) {
        assert_eq!(on_repeat(state, same, tries), expect, "{state:?} {same} {tries}");
    }

    #[test]
    fn a_repeat_never_pays_for_a_stored_answer() {
        check(CallState::Done, true, 1, Repeat::Stored);
        check(CallState::Done, false, 1, Repeat::Mismatch);
        check(CallState::Reserved, true, 0, Repeat::Wait);
        check(CallState::Failed, true, 0, Repeat::Again);
        check(CallState::Unknown, true, 1, Repeat::Again);
        check(CallState::Unknown, true, 2, Repeat::Exhausted);
        check(CallState::Cut, true, 2, Repeat::Exhausted);
    }
}
