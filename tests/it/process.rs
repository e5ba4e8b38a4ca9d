//! The real program as a process: configuration errors, start, drain, and a kill during work.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::app::brief;

/// A built program; `make test` builds all of them first, in the profile of the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let path = deps.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins --tests --profile tests",
        path.display()
    );
    path
}

fn command(dir: &Path, settings: &[(&str, &str)]) -> Command {
    // A write beyond the file size limit must fail, as on a full disk, and not end the process.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\""]).arg(program("local"));
    command
        .env_clear()
        .env("DATA_DIR", dir)
        .env("PORT", "0")
        .env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    command
        .envs(settings.iter().copied())
        .current_dir(dir)
        .kill_on_drop(true)
        .stderr(Stdio::piped());
    command
}

pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    pub(crate) token: String,
}

/// Starts the program and reads its address and development token from what it prints.
pub(crate) async fn start(dir: &Path, settings: &[(&str, &str)]) -> Running {
    let mut child = command(dir, settings).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut token = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, rest)) = line.split_once("#token=") {
            token = rest.trim().into();
        }
        if let Some((_, rest)) = line.split_once("listens on http://") {
            let address = rest.trim().into();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Running { child, address, token };
        }
    }
    panic!("the program did not start");
}

impl Running {
    /// One plain HTTP/1.1 exchange.
    async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn until(&self, task: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let poll = async {
            loop {
                let (_, state) = self.request("GET", &format!("/v1/tasks/{task}"), None).await;
                if reached(&state) {
                    return state;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(150), poll)
            .await
            .expect("the task did not get there")
    }
}

#[tokio::test]
async fn bad_configuration_exits_before_binding() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value, expect) in [
        ("PORT", "http", "PORT: `http` is not a port"),
        ("RUST_LOG", "workflow=loud", "RUST_LOG: `workflow=loud` is not a log filter"),
        ("APP_MODE", "production", "APP_MODE: `production`"),
        ("APP_MODE", "prod", "APP_MODE: "),
        ("SIMULATED_LATENCY_MS", "slow", "SIMULATED_LATENCY_MS: `slow`"),
        ("SIMULATED_FAULTS", "rain=1", "SIMULATED_FAULTS: "),
        ("OPENAI_API", "soap", ""),
        ("CATALOG_FILE", "/nowhere.toml", "CATALOG_FILE: /nowhere.toml"),
        ("LIFECYCLE_LEAD_DAYS", "soon", "LIFECYCLE_LEAD_DAYS: `soon`"),
        ("JWT_SECRET", "short", "JWT_SECRET: must hold at least 32"),
        ("DATA_DIR", "/proc/nowhere", "DATA_DIR: /proc/nowhere"),
    ] {
        let settings = [
            (name, value),
            ("OPENAI_BASE_URL", if name == "OPENAI_API" { "http://127.0.0.1:9" } else { "" }),
        ];
        let ended = command(dir.path(), &settings).output().await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(64), "{name}: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains(expect) && last.contains(name), "{name}: {said}");
    }
}

#[tokio::test]
async fn an_unwritable_database_exits_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    drop(start(dir.path(), &[]).await);
    let protect = async |mode: &str| {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let database = files.filter(|path| {
            path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"raptor"))
        });
        assert!(Command::new("chmod").arg(mode).args(database).status().await.unwrap().success());
    };
    protect("a-w").await;
    // Root may write everything unless it drops that capability.
    let mut refused = Command::new("setpriv");
    refused.args(["--bounding-set=-dac_override", "--"]).arg(program("local"));
    refused
        .env_clear()
        .env("DATA_DIR", dir.path())
        .env("PORT", "0")
        .env("JWT_SECRET", "0".repeat(32));
    let ended = refused.output().await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(64), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("raptorflow.db") && last.contains("write access"), "{said}");

    protect("u+w").await;
    let again = start(dir.path(), &[]).await;
    assert_eq!(again.request("GET", "/health", None).await.0, 200);
}

#[tokio::test]
async fn the_process_serves_and_drains_when_asked_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = start(dir.path(), &[]).await;
    let (status, health) = running.request("GET", "/health", None).await;
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let id = running.child.id().unwrap().to_string();
    Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    let ended =
        tokio::time::timeout(Duration::from_secs(10), running.child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn a_task_survives_a_crash_without_paying_twice() {
    let dir = tempfile::tempdir().unwrap();
    let slow = [("SIMULATED_LATENCY_MS", "150")];
    let mut running = start(dir.path(), &slow).await;
    let (status, accepted) =
        running.request("POST", "/v1/tasks", Some(&brief("software.json", "demo"))).await;
    assert_eq!(status, 202, "{accepted}");
    let task = accepted["task_id"].as_str().unwrap().to_owned();
    running.until(&task, |state| state["percent_complete"].as_u64().unwrap_or(0) >= 16).await;
    running.child.start_kill().unwrap();
    running.child.wait().await.unwrap();

    let running = start(dir.path(), &[("SIMULATED_LATENCY_MS", "0")]).await;
    let done = running
        .until(&task, |state| state["status"] == "completed" || state["status"] == "parked")
        .await;
    assert_eq!(
        (&done["status"], &done["validation"]["errors"]),
        (&json!("completed"), &json!(0)),
        "{done}"
    );
    let (_, trace) = running.request("GET", &format!("/v1/tasks/{task}/trace"), None).await;
    let calls: Vec<&Value> =
        trace["entries"].as_array().unwrap().iter().filter(|it| it["kind"] == "call").collect();
    // Two steps run at once when the process was killed: at most those were open, and nothing that
    // was answered is paid again.
    let paid_again =
        calls.iter().filter(|call| call["detail"]["paid_tries"].as_u64() > Some(1)).count();
    assert!(paid_again <= 2, "{paid_again} calls were paid again");
    let unfinished: Vec<_> =
        calls.iter().filter(|call| call["detail"]["state"] != "done").collect();
    assert!(unfinished.is_empty(), "{unfinished:#?}");
}

/// Limits the size of files that the process may write, in bytes, or lifts the limit.
async fn limit_files(running: &Running, bytes: &str) {
    let id = running.child.id().unwrap().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &id, &format!("--fsize={bytes}:unlimited")])
        .status()
        .await;
    assert!(limited.unwrap().success());
}

#[tokio::test]
async fn a_full_disk_refuses_paid_work_until_freed() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path(), &[]).await;
    let execute = json!({ "business_id": "demo", "task_type": "sentence_summary",
        "messages": [{ "role": "user", "content": "Summarise: harbours plan berths." }] });
    let spent =
        async || running.request("GET", "/v1/budgets/demo", None).await.1["today_spent"].clone();
    assert_eq!(running.request("POST", "/v1/execute", Some(&execute)).await.0, 200);
    let before = spent().await;

    limit_files(&running, "512").await;
    let (status, problem) = running.request("POST", "/v1/execute", Some(&execute)).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
    assert_eq!(
        running.request("POST", "/v1/tasks", Some(&brief("software.json", "demo"))).await.0,
        503
    );
    // Reading still works, and nothing was paid.
    assert_eq!(running.request("GET", "/health", None).await.0, 200);
    assert_eq!(spent().await, before);

    limit_files(&running, "unlimited").await;
    assert_eq!(running.request("POST", "/v1/execute", Some(&execute)).await.0, 200);
}
