//! The server that speaks PostgREST: `@supabase/lite` over a test's cluster.
//!
//! Where it differs from PostgREST, as far as these tests touch it: a broken check constraint
//! answers 500 instead of 400 with SQLSTATE 23514, and it grants every table to every role when it
//! starts.

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

/// A running stand-in; ends when dropped.
pub(crate) struct StandIn {
    server: Child,
    pub(crate) url: String,
}

impl StandIn {
    /// Starts over a cluster and waits until it answers.
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        let program = Path::new(NODE).join("node_modules/@supabase/lite/dist/cli/index.js");
        assert!(
            program.exists(),
            "the stand-in for PostgREST is not installed: run `npm ci --prefix {NODE}`"
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
        let log = fs::File::create(home.join("stand-in.log")).unwrap();
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
        let mut stand_in = Self { server, url: format!("http://127.0.0.1:{port}") };
        let started = Instant::now();
        // A first answer from a table: only then its preparations in the database are over.
        let client = reqwest::Client::new();
        let first = || {
            client
                .get(format!("{}/rest/v1/businesses", stand_in.url))
                .header("apikey", SECRET_KEY)
                .send()
        };
        while !first().await.is_ok_and(|answer| answer.status().is_success()) {
            let log = || fs::read_to_string(home.join("stand-in.log")).unwrap_or_default();
            assert!(stand_in.server.try_wait().unwrap().is_none(), "the stand-in ended: {}", log());
            assert!(started.elapsed() < PATIENCE, "the stand-in does not answer: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stand_in
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
