//! The official OpenAI clients against the running program: any tool for OpenAI works when its base
//! URL is changed.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::process::{Running, start};

fn suites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients")
}

/// Runs a suite against the program.
async fn runs(mut suite: Command, app: &Running) {
    let url = format!("http://{}/v1", app.address);
    suite.env("OPENAI_BASE_URL", url).env("OPENAI_API_KEY", &app.token).current_dir(suites());
    passes(suite).await;
}

/// Runs a suite and asserts that it reached its last line.
pub(crate) async fn passes(mut suite: Command) {
    let output = suite.kill_on_drop(true).output().await.unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && said.trim_end().ends_with("checks passed"),
        "{said}\n{complained}"
    );
}

/// Answers take a while, so that a cancel happens in the middle of one.
const SETTINGS: [(&str, &str); 1] = [("SIMULATED_LATENCY_MS", "150")];

#[tokio::test]
async fn the_official_python_client_works() {
    let dir = tempfile::tempdir().unwrap();
    let app = start(dir.path(), &SETTINGS).await;
    let installed = suites().join("python");
    assert!(
        installed.join("openai").exists(),
        "{} is missing: make test installs it",
        installed.display()
    );
    let mut suite = Command::new("python3");
    suite.arg("suite.py").env("PYTHONPATH", installed).env("PYTHONDONTWRITEBYTECODE", "1");
    runs(suite, &app).await;
}

#[tokio::test]
async fn the_official_node_client_works() {
    let dir = tempfile::tempdir().unwrap();
    let app = start(dir.path(), &SETTINGS).await;
    let installed = suites().join("node_modules/openai");
    assert!(installed.exists(), "{} is missing: make test installs it", installed.display());
    let mut suite = Command::new("node");
    suite.arg("suite.mjs");
    runs(suite, &app).await;
}
