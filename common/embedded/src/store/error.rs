//! Maps SQLite failures to the errors of the port.

use ports::StoreError;
use rusqlite::{Error, ErrorCode};

/// Every SQLite failure makes the store unavailable; the message names the causes that a person can
/// fix.
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
