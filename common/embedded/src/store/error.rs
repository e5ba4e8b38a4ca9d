//! What an SQLite failure means to the caller of a port.

use ports::StoreError;
use rusqlite::{Error, ErrorCode};

/// Every SQLite failure is the store being unavailable; the message names the causes a person can
/// do something about.
#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` calls")]
pub(crate) fn unavailable(error: Error) -> StoreError {
    let causes = [
        (ErrorCode::DiskFull, "the disk is full"),
        (ErrorCode::SystemIoFailure, "the disk cannot be read or written"),
        (ErrorCode::ReadOnly, "the database file is read-only"),
        (ErrorCode::DatabaseBusy, "another process holds the database"),
        (ErrorCode::DatabaseCorrupt, "the database file is damaged"),
    ];
    let cause = causes.iter().find(|(code, _)| error.sqlite_error_code() == Some(*code));
    StoreError::Unavailable(
        cause.map_or_else(|| error.to_string(), |(_, cause)| format!("{cause} ({error})")),
    )
}
