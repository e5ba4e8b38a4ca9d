//! Opens the file and migrates its schema.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

const FILE: &str = "raptorflow.db";
/// How long a connection waits while another process, such as a backup, locks the file.
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements in the cache: replacements use one for each set of changed columns.
const STATEMENTS: usize = 64;
/// Pages in the WAL before a checkpoint: a page that many commits change is then copied once.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Page cache of the writing connection in KiB; further reads are served from the kernel's cache.
const PAGES_KIB: i64 = 1_024;
/// The version of the schema that this code uses, stored in `user_version`.
const SCHEMA: i64 = 3;

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

/// The migration from each schema to the next, the first from schema 1. Schema 2: an index for the
/// calls of a task in the timeline, and one for expired documents. Schema 3: indexed fields get
/// columns of their own before the body, which may span many pages; and only subcollections of
/// documents are indexed by version, because no other collection is watched as a whole.
const STEPS: [&str; 2] = [
    "
    CREATE INDEX documents_by_task ON documents (collection, json_extract(body, '$.task'), id)
        WHERE json_extract(body, '$.task') IS NOT NULL;
    CREATE INDEX documents_by_expire_at ON documents (json_extract(body, '$.expire_at'))
        WHERE json_extract(body, '$.expire_at') IS NOT NULL;
",
    "
    CREATE TABLE documents_with_columns (
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        business, task, wake_at, sweep_at, expire_at,
        body TEXT NOT NULL,
        PRIMARY KEY (collection, id)
    );
    INSERT INTO documents_with_columns SELECT collection, id, version,
        CASE WHEN json_type(body, '$.business') IN ('text', 'integer', 'true', 'false') THEN json_extract(body, '$.business') END,
        CASE WHEN json_type(body, '$.task') IN ('text', 'integer', 'true', 'false') THEN json_extract(body, '$.task') END,
        CASE WHEN json_type(body, '$.wake_at') IN ('text', 'integer', 'true', 'false') THEN json_extract(body, '$.wake_at') END,
        CASE WHEN json_type(body, '$.sweep_at') IN ('text', 'integer', 'true', 'false') THEN json_extract(body, '$.sweep_at') END,
        CASE WHEN json_type(body, '$.expire_at') IN ('text', 'integer', 'true', 'false') THEN json_extract(body, '$.expire_at') END,
        body FROM documents;
    DROP TABLE documents;
    ALTER TABLE documents_with_columns RENAME TO documents;
    CREATE INDEX documents_by_version ON documents (collection, version) WHERE instr(collection, '/');
    CREATE INDEX documents_by_wake_at ON documents (collection, wake_at, id) WHERE wake_at IS NOT NULL;
    CREATE INDEX documents_by_sweep_at ON documents (collection, sweep_at, id) WHERE sweep_at IS NOT NULL;
    CREATE INDEX documents_by_business ON documents (collection, business, id) WHERE business IS NOT NULL;
    CREATE INDEX documents_by_task ON documents (collection, task, id) WHERE task IS NOT NULL;
    CREATE INDEX documents_by_expire_at ON documents (expire_at) WHERE expire_at IS NOT NULL;
",
];

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file was written by a later release.
    #[error(
        "`{path}` has schema {found}, this release knows schemas up to {SCHEMA}: use a newer release"
    )]
    TooNew {
        /// The path of the database file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
    },
    /// The directory or a thread could not be created.
    #[error("the data directory cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The file or its directory is not writable.
    #[error(
        "`{path}` cannot be written: give the user of this process write access to the file and its directory"
    )]
    ReadOnly {
        /// The path of the database file.
        path: PathBuf,
    },
    /// SQLite refused the file.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Creates the directory, the file and its tables where missing, and returns the file's path. A
/// file with an older schema is backed up beside itself before it is migrated.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, OpenError> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join(FILE);
    match bring_up_to_date(dir, &path) {
        Err(OpenError::Sqlite(error)) if is_read_only(&error) => Err(OpenError::ReadOnly { path }),
        Err(error) => Err(error),
        Ok(()) => Ok(path),
    }
}

/// A file without write access opens read-only and fails at its first write; a file that cannot be
/// created, or whose WAL cannot, does not open at all.
fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
}

fn bring_up_to_date(dir: &Path, path: &Path) -> Result<(), OpenError> {
    let mut connection = writing(path)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > SCHEMA {
        return Err(OpenError::TooNew { path: path.to_owned(), found });
    }
    if (1..SCHEMA).contains(&found) {
        back_up(&connection, &dir.join(format!("{FILE}.schema-{found}")))?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found == 0 {
        transaction.execute_batch(TABLES)?;
    }
    for step in STEPS.iter().skip(usize::try_from(found.max(1) - 1).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()?;
    Ok(())
}

/// Makes a copy of the whole database. The copy gets its final name when it is complete, so a file
/// with that name is always whole.
fn back_up(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let unfinished = path.with_extension("unfinished");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    connection.execute("VACUUM INTO ?", [unfinished.to_string_lossy()])?;
    std::fs::rename(&unfinished, path)?;
    Ok(())
}

/// A connection for writing. `synchronous = FULL` makes a commit survive a power failure, not only
/// a crash.
pub(super) fn writing(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // A negative value is in KiB, not pages.
    connection.pragma_update(None, "cache_size", -PAGES_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// A read-only connection.
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
        assert!(matches!(error, OpenError::TooNew { found, .. } if found == SCHEMA + 1), "{error}");
        assert!(error.to_string().ends_with("use a newer release"), "{error}");
    }

    #[test]
    fn an_older_file_is_migrated_after_a_backup() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let old = writing(&path).unwrap();
        old.execute_batch(TABLES).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        let body = r#"{"business": "acme", "sweep_at": "2026-11-26", "task": {"no": "order"}, "wake_at": null}"#;
        old.execute("INSERT INTO documents VALUES ('tasks', 't1', 1, ?)", [body]).unwrap();
        drop(old);
        // A backup that was cut short by a crash does not prevent the next one.
        std::fs::write(
            dir.path().join("raptorflow.db.schema-1").with_extension("unfinished"),
            "half",
        )
        .unwrap();

        prepare(dir.path()).unwrap();
        let state = |path: &Path| {
            let connection = reading(path).unwrap();
            let schema: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            let documents: i64 = connection
                .query_row("SELECT count(*) FROM documents", [], |row| row.get(0))
                .unwrap();
            (schema, documents)
        };
        assert_eq!(state(&path), (SCHEMA, 1));
        assert_eq!(state(&dir.path().join("raptorflow.db.schema-1")), (1, 1));
        let columns = "SELECT business, sweep_at, task IS NULL AND wake_at IS NULL AND expire_at IS NULL, body FROM documents";
        let found = reading(&path).unwrap().query_row(columns, [], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, String>(3)?,
            ))
        });
        assert_eq!(found, Ok(("acme".into(), "2026-11-26".into(), true, body.into())));
        // The next start finds nothing to migrate.
        prepare(dir.path()).unwrap();
        assert_eq!(state(&path), (SCHEMA, 1));
    }

    #[test]
    fn reopening_keeps_the_documents() {
        let dir = tempfile::tempdir().unwrap();
        let path = prepare(dir.path()).unwrap();
        writing(&path).unwrap().execute("UPDATE counter SET version = 7", []).unwrap();
        prepare(dir.path()).unwrap();
        let counter = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        assert_eq!(
            reading(&path).unwrap().query_row("SELECT version FROM counter", [], counter),
            Ok(7)
        );
    }
}
