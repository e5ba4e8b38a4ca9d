//! Why a workflow did not do what it was asked, shaped by what the caller can do about it.

use domain::budget::Refusal;
use ports::{MirrorError, StoreError};

/// An error of the ledger or the task engine.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum Error {
    /// New work was refused: budget, tier, subscription, emergency stop.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The same call runs elsewhere and did not end in time.
    #[error("the same call is in progress")]
    InProgress,
    /// The idempotency key was used with another request.
    #[error("the Idempotency-Key was used with another request")]
    KeyReused,
    /// The call was paid as often as allowed, and its answer is unknown.
    #[error("the call's outcome is unknown and it was paid as often as it may be")]
    Exhausted,
    /// There is no such thing for this caller.
    #[error("{0} was not found")]
    NotFound(String),
    /// What was asked for does not fit the thing's state.
    #[error("{0}")]
    WrongState(String),
    /// Other writers kept winning the race; try again later.
    #[error("too many writers at once; try again")]
    Contended,
    /// The store cannot be reached: nothing is admitted.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A stored document or request cannot be handled; a defect.
    #[error("{0}")]
    Internal(String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) => Self::Contended,
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            StoreError::Invalid { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<MirrorError> for Error {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::Refused(_) => Self::Internal(error.to_string()),
            MirrorError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
