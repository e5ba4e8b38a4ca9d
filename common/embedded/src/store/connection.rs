//! Opening the file, and its schema.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

const FILE: &str = "raptorflow.db";
/// How long a connection waits for another process, such as a backup, to let go of the file.
const BUSY: Duration = Duration::from_secs(5);
/// Statements that stay prepared: a replacement has one for each set of columns that change.
const STATEMENTS: usize = 64;
/// Pages in the log before they are brought into the file: a page that many commits change is
/// brought there once.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Kibibytes of pages that the writing connection keeps; what it has to read again comes from the
/// kernel's cache.
const PAGES_KIB: i64 = 1_024;
/// The schema that this code reads and writes, kept in `user_version`.
const SCHEMA: i64 = 3;

/// Documents have a rowid although their key is unique: bodies reach a megabyte, and a table
/// without rowid would keep them inside the tree of keys. The partial indexes serve the sweeps
/// (what is due) and the lists of a business.
///
/// This is schema 1; [`STEPS`] lead from there to [`SCHEMA`], for a new file as for an old one.
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

/// What leads from each schema to the next, the first from schema 1. Schema 2: the time line asks
/// for the calls of a task, and what has expired is deleted. Schema 3: what an index serves has a
/// column of its own, before the body, which may reach over many pages; and only what lies below a
/// document is found by its version, for nothing else is watched as a whole.
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
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The directory or a thread could not be made.
    #[error("the data directory cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The file, or the directory around it, may not be written.
    #[error(
        "`{path}` cannot be written: give the user of this process write access to the file and its directory"
    )]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// SQLite refused the file.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Makes the directory, the file and its tables, as far as they are missing, and returns the file's
/// path. A file of an older schema is copied beside itself before it is brought up to date.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, OpenError> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join(FILE);
    match bring_up_to_date(dir, &path) {
        Err(OpenError::Sqlite(error)) if is_read_only(&error) => Err(OpenError::ReadOnly { path }),
        Err(error) => Err(error),
        Ok(()) => Ok(path),
    }
}

/// A file that may not be written is opened for reading, and fails at its first write; one that
/// cannot be made, or whose log beside it cannot, is not opened at all.
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

/// A copy of the whole database. It gets its name when it is complete, so that what has the name
/// can be relied on.
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

/// A connection that may write. `synchronous = FULL` makes a commit survive a power failure, not
/// only a crash.
pub(super) fn writing(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Negative: kibibytes, not pages.
    connection.pragma_update(None, "cache_size", -PAGES_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
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
        // A copy that was cut short by a crash is in nobody's way.
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
        // Once is enough: the next start finds nothing to do.
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
