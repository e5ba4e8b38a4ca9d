//! Opening the file, and its schema.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

const FILE: &str = "raptorflow.db";
/// How long a connection waits for another process, such as a backup, to let go of the file.
const BUSY: Duration = Duration::from_secs(5);
/// The schema that this code reads and writes, kept in `user_version`.
const SCHEMA: i64 = 1;

/// Documents have a rowid although their key is unique: bodies reach a megabyte, and a table without rowid would keep
/// them inside the tree of keys. The partial indexes serve the sweeps (what is due) and the lists of a business.
const TABLES: &str = "
    CREATE TABLE counter (version INTEGER NOT NULL);
    INSERT INTO counter VALUES (0);
    CREATE TABLE documents (
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (collection, id)
    );
    CREATE INDEX documents_by_version ON documents (collection, version);
    CREATE INDEX documents_by_wake_at ON documents (collection, json_extract(body, '$.wake_at'), id)
        WHERE json_extract(body, '$.wake_at') IS NOT NULL;
    CREATE INDEX documents_by_sweep_at ON documents (collection, json_extract(body, '$.sweep_at'), id)
        WHERE json_extract(body, '$.sweep_at') IS NOT NULL;
    CREATE INDEX documents_by_business ON documents (collection, json_extract(body, '$.business'), id)
        WHERE json_extract(body, '$.business') IS NOT NULL;
    CREATE TABLE vectors (
        business TEXT NOT NULL,
        id TEXT NOT NULL,
        embedding BLOB NOT NULL,
        metadata TEXT NOT NULL,
        PRIMARY KEY (business, id)
    );
";

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file was written by a later release.
    #[error("`{path}` has schema {found}, this release knows schemas up to {SCHEMA}: use a newer release")]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The directory or a thread could not be made.
    #[error("the data directory cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// SQLite refused the file.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Makes the directory, the file and its tables, as far as they are missing, and returns the file's path.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, OpenError> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join(FILE);
    let mut connection = writing(&path)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", SCHEMA)?;
        }
        SCHEMA => {}
        found => return Err(OpenError::TooNew { path, found }),
    }
    transaction.commit()?;
    Ok(path)
}

/// A connection that may write. `synchronous = FULL` makes a commit survive a power failure, not only a crash.
pub(super) fn writing(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_later_release_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = prepare(dir.path()).unwrap();
        writing(&path).unwrap().pragma_update(None, "user_version", SCHEMA + 1).unwrap();
        let error = prepare(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::TooNew { found: 2, .. }), "{error}");
        assert!(error.to_string().ends_with("use a newer release"), "{error}");
    }

    #[test]
    fn opening_again_keeps_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = prepare(dir.path()).unwrap();
        writing(&path).unwrap().execute("UPDATE counter SET version = 7", []).unwrap();
        prepare(dir.path()).unwrap();
        let counter = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        assert_eq!(reading(&path).unwrap().query_row("SELECT version FROM counter", [], counter), Ok(7));
    }
}
