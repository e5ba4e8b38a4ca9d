//! A PostgreSQL cluster for one test.

use std::{
    fs,
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use testkit::free_port;

const POSTGRES_MISSING: &str = "PostgreSQL 15 or later is missing: install its server and client (Debian: apt-get install postgresql)";
/// The user id of `nobody`.
const NOBODY: u32 = 65_534;
/// The longest wait for a server to start; machines that compile at the same time are slow.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running server without data; dropping it removes it and its files.
pub(crate) struct Cluster {
    programs: Programs,
    port: u16,
    server: Child,
    directory: TempDir,
}

/// The directory of PostgreSQL's programs, and the user that the server runs as: it refuses to run
/// as root.
struct Programs {
    directory: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    fn find(home: &Path) -> Self {
        let is_root = fs::metadata(home).unwrap().uid() == 0;
        let user = is_root.then(|| named("postgres").unwrap_or((NOBODY, NOBODY)));
        if let Some((uid, gid)) = user {
            chown(home, Some(uid), Some(gid)).unwrap();
        }
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
        found.retain(|directory| directory.join("initdb").exists());
        found.sort();
        Self { directory: found.pop().unwrap_or_default(), user }
    }

    fn command(&self, program: &str, home: &Path) -> Command {
        let mut command = Command::new(self.directory.join(program));
        command.current_dir(home).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The user and group id of a user of this machine.
fn named(user: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with(&format!("{user}:")))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

impl Cluster {
    /// Creates a cluster and waits until it answers.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        let programs = Programs::find(home);
        let made = programs
            .command("initdb", home)
            .args([
                "-D",
                "data",
                "-U",
                "postgres",
                "--auth=trust",
                "--no-sync",
                "--no-locale",
                "-E",
                "UTF8",
            ])
            .output()
            .unwrap_or_else(|error| panic!("{POSTGRES_MISSING}: {error}"));
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        // Nothing here has to survive a crash.
        let settings = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
        ];
        let log = fs::File::create(home.join("postgres.log")).unwrap();
        let server = programs
            .command("postgres", home)
            .args(["-D", "data", "-p", &port.to_string(), "-k", &home.to_string_lossy()])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut cluster = Self { programs, port, server, directory };
        let started = Instant::now();
        while cluster.try_sql("select 1").is_err() {
            let log = || {
                fs::read_to_string(cluster.directory.path().join("postgres.log"))
                    .unwrap_or_default()
            };
            assert!(cluster.server.try_wait().unwrap().is_none(), "postgres ended: {}", log());
            assert!(started.elapsed() < PATIENCE, "postgres does not answer: {}", log());
            sleep(Duration::from_millis(20));
        }
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A directory for other files of the test.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs statements as the owner of the database; returns the rows of a query, one per line,
    /// with columns separated by `|`.
    pub(crate) fn sql(&self, text: &str) -> String {
        self.try_sql(text).unwrap_or_else(|error| panic!("{error}in: {text}"))
    }

    /// The same, or PostgreSQL's error message.
    pub(crate) fn try_sql(&self, text: &str) -> Result<String, String> {
        let mut psql = Command::new("psql")
            .args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-f", "-", &self.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{POSTGRES_MISSING}: {error}"));
        psql.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = psql.wait_with_output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Stopped, it removes its shared memory; killed, it would not.
        let stop = ["-D", "data", "-m", "immediate", "-w", "-s", "stop"];
        let stopped = self.programs.command("pg_ctl", self.directory.path()).args(stop).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}
