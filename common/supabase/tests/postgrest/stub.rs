//! The stub of PostgREST: `@supabase/lite` over a test's cluster.
//!
//! It differs from PostgREST, as far as these tests are concerned, in two ways: a violated check
//! constraint gives 500 instead of 400 with SQLSTATE 23514, and at its start it grants every table
//! to every role.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use testkit::free_port;

use crate::cluster::{Cluster, PATIENCE};

pub(crate) const SECRET_KEY: &str = "sb_secret_test";
pub(crate) const PUBLISHABLE_KEY: &str = "sb_publishable_test";
pub(crate) const JWT_SECRET: &str = "thirty-two-characters-of-a-secret";

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node");

/// A running stub; ends when dropped.
pub(crate) struct PostgrestStub {
    server: Child,
    pub(crate) url: String,
}

impl PostgrestStub {
    /// Starts over a cluster and waits until it answers.
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        let program = Path::new(NODE).join("node_modules/@supabase/lite/dist/cli/index.js");
        assert!(
            program.exists(),
            "the stub for PostgREST is not installed: run `npm ci --prefix {NODE}`"
        );
        let home = cluster.directory();
        let port = free_port();
        let settings = format!(
            "[api]\nport = {port}\n[db]\ndriver = \"postgres\"\nurl = \"{}\"\n[auth]\nenabled = true\n\
             jwt_secret = \"{JWT_SECRET}\"\npublishable_key = \"{PUBLISHABLE_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\n",
            cluster.url(),
        );
        fs::create_dir(home.join("supabase")).unwrap();
        fs::write(home.join("supabase/config.toml"), settings).unwrap();
        let log = fs::File::create(home.join("stub.log")).unwrap();
        let server = Command::new("node")
            .arg(program)
            .args(["--no-telemetry", "start", "--no-admin"])
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "Node.js 20 or later is missing (Debian: apt-get install nodejs npm): {error}"
                )
            });
        let mut stub = Self { server, url: format!("http://127.0.0.1:{port}") };
        let started = Instant::now();
        // Its preparations in the database are complete once a table answers.
        let client = reqwest::Client::new();
        let first = || {
            client
                .get(format!("{}/rest/v1/businesses", stub.url))
                .header("apikey", SECRET_KEY)
                .send()
        };
        while !first().await.is_ok_and(|answer| answer.status().is_success()) {
            let log = || fs::read_to_string(home.join("stub.log")).unwrap_or_default();
            assert!(stub.server.try_wait().unwrap().is_none(), "the stub ended: {}", log());
            assert!(started.elapsed() < PATIENCE, "the stub does not answer: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stub
    }
}

impl Drop for PostgrestStub {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
