//! What every part of a running call needs.

use ledger::Account;

use crate::{AppState, call_request::CallRequest, live::Live};

/// One admitted call.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// What the function works with.
    pub(crate) state: &'a AppState,
    /// The checked request.
    pub(crate) call: &'a CallRequest,
    /// The business that pays, under which terms.
    pub(crate) account: &'a Account,
    /// Where the answer is shown while it is generated.
    pub(crate) live: &'a Live,
}
