//! Budgets and tasks: the ledger that pays for calls, the engine that runs analyses, the steps of
//! their phases.
//!
//! Every state change is read → pure decision in `domain` → conditional commit.

pub mod documents;
pub mod engine;
mod error;
pub mod ledger;
mod payload;
pub mod phases;
pub mod plan;
mod retry;
mod task_documents;
mod vector_documents;

pub use documents::{AttemptDoc, CallDoc};
pub use engine::{Delivery, Engine, EnginePorts, Submission, Submitted, Wake};
pub use error::{Error, Result};
pub use ledger::{
    Account, Answer, Ledger, LedgerPorts, OpenCall, Opened, OpenedCall, Settlement,
    StoredSubscriptions, TaskMoney,
};
