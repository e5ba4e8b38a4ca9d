//! Tests of the page in a real browser, against the running program.

use std::path::Path;

use tokio::process::Command;

use crate::{clients::passes, process::start};

#[tokio::test]
async fn a_browser_runs_reads_and_cancels_analyses() {
    let dir = tempfile::tempdir().unwrap();
    // Answers take a while, so that a running analysis can be inspected and cancelled. The port is
    // fixed before the start, because sockets are accepted from the page's own origin only.
    let port = testkit::free_port().to_string();
    let app = start(dir.path(), &[("SIMULATED_LATENCY_MS", "150"), ("PORT", &port)]).await;
    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../page");
    let installed = suites.join("node_modules/puppeteer-core");
    assert!(installed.exists(), "{} is missing: make test installs it", installed.display());
    let mut suite = Command::new("node");
    suite.arg("suite.mjs").current_dir(suites);
    suite.env("PAGE_URL", format!("http://{}", app.address)).env("PAGE_TOKEN", &app.token);
    passes(suite).await;
}
