//! The states of a paid call, and what a repeat of it does.

use serde::{Deserialize, Serialize};

/// The state of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Money is held; the provider may be working.
    Reserved,
    /// Answered, stored and charged.
    Done,
    /// Known to be unbilled; nothing was charged.
    Failed,
    /// Possibly billed: charged at its bound.
    Unknown,
    /// Cancelled; charged for what was or may have been generated.
    Cut,
}

/// How often a call with unknown billing is paid at most.
pub const MAX_PAID_TRIES: u32 = 2;

/// What to do with a request whose call already exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// The key was used for a different request: refuse.
    Mismatch,
    /// Return the stored answer; nothing is paid.
    Stored,
    /// Another request is working on the call: wait for it.
    Wait,
    /// The call failed unbilled or may be paid once more: reserve under a new hold.
    Again,
    /// The call was paid as often as allowed: refuse.
    Exhausted,
}

/// Decides a repeat from the stored call.
pub fn on_repeat(state: CallState, same_request: bool, paid_tries: u32) -> Repeat {
    if !same_request {
        return Repeat::Mismatch;
    }
    match state {
        CallState::Done => Repeat::Stored,
        // Even after its `sweep_at`: the money may have been spent, and only the sweep may end the
        // hold.
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
