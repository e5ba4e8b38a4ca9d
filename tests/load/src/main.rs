//! Measures the release program over HTTP: start, memory, one analysis, and two routes under load.
//!
//! The program runs on the same machine and uses part of the CPU cores.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a measuring tool: a failure ends it"
)]

mod functions;
mod gateway;
mod http;
mod upstream;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use http::Connection;

const BRIEF: &str = include_str!("../../it/briefs/software.json");

/// Measures the release program over HTTP.
#[derive(Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct CommandLine {
    #[command(subcommand)]
    subject: Option<Subject>,
    /// The program `local`: its start, its memory, one analysis, and two routes under load.
    #[arg(value_name = "PATH-OF-LOCAL", required = true)]
    program: Option<String>,
    /// Connections that are kept busy.
    #[arg(default_value_t = 16)]
    connections: u64,
    /// How long each route is under load.
    #[arg(default_value_t = 5)]
    seconds: u64,
}

#[derive(Subcommand)]
enum Subject {
    /// What the program adds to a call of a provider, with several builds compared in turn.
    Gateway {
        /// The builds.
        #[arg(value_name = "PATH-OF-LOCAL", required = true)]
        programs: Vec<String>,
    },
    /// Every function's start and memory.
    Functions {
        /// Where their programs lie.
        folder: PathBuf,
    },
}

struct Running {
    child: Child,
    address: String,
    token: String,
    started_in: Duration,
}

// One thread, so that measuring leaves the cores to the measured program.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let CommandLine { subject, program, connections, seconds } = CommandLine::parse();
    match subject {
        Some(Subject::Gateway { programs }) => gateway::measure(&programs, 2).await,
        Some(Subject::Functions { folder }) => functions::measure(&folder).await,
        None => measure(&program.unwrap(), connections, seconds).await,
    }
}

async fn measure(program: &str, connections: u64, seconds: u64) {
    let mut starts = Vec::new();
    for _ in 0..9 {
        let dir = tempfile::tempdir().unwrap();
        let mut running = start(program, dir.path()).await;
        starts.push(running.started_in);
        running.child.kill().await.unwrap();
    }
    starts.sort_unstable();
    println!(
        "start to first 200     median {:.1?} (min {:.1?}, max {:.1?})",
        starts[4], starts[0], starts[8]
    );

    let dir = tempfile::tempdir().unwrap();
    let running = start(program, dir.path()).await;
    println!("resident, idle         {} KiB", resident(&running.child));
    analysis(&running).await;
    let estimate =
        json!({ "business_id": "demo", "task_type": "icp_generation", "input_length": 26_000 });
    load(&running, "/v1/estimate", &estimate, connections, seconds).await;
    let execute = json!({ "business_id": "demo", "task_type": "sentence_summary",
        "messages": [{ "role": "user", "content": "Summarise: harbours plan berths on whiteboards." }] });
    load(&running, "/v1/execute", &execute, connections, seconds).await;
    println!("resident, loaded       {} KiB", resident(&running.child));
}

/// Starts the program and polls `/health` until it answers 200.
async fn start(program: &str, dir: &Path) -> Running {
    start_with(program, dir, &[]).await
}

/// The same with more settings.
async fn start_with(program: &str, dir: &Path, settings: &[(&str, &str)]) -> Running {
    let begun = Instant::now();
    let mut child = Command::new(program)
        .env_clear()
        .envs([
            ("PORT", "0"),
            ("SIMULATED_LATENCY_MS", "0"),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ])
        .env("DATA_DIR", dir)
        .envs(settings.iter().copied())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut token = String::new();
    loop {
        let line =
            lines.next_line().await.unwrap().unwrap_or_else(|| panic!("the program did not start"));
        if let Some((_, rest)) = line.split_once("#token=") {
            token = rest.trim().into();
        }
        if let Some((_, rest)) = line.split_once("listens on http://") {
            let address = rest.trim().to_owned();
            let mut connection = Connection::open(&address).await;
            let (status, _) = connection.send("GET", "/health", &token, None).await;
            assert_eq!(status, 200);
            let started_in = begun.elapsed();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Running { child, address, token, started_in };
        }
    }
}

/// Resident memory in KiB, as the kernel counts it.
fn resident(child: &Child) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown");
    line.trim().trim_end_matches(" kB").into()
}

async fn analysis(running: &Running) {
    let mut connection = Connection::open(&running.address).await;
    let mut brief: Value = serde_json::from_str(BRIEF).unwrap();
    brief["business_id"] = "demo".into();
    let begun = Instant::now();
    let (status, accepted) =
        connection.send("POST", "/v1/tasks", &running.token, Some(&brief)).await;
    assert_eq!(status, 202, "{accepted}");
    let task = accepted["task_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/tasks/{task}");
    loop {
        let (_, state) = connection.send("GET", &path, &running.token, None).await;
        if state["status"] == "completed" {
            println!(
                "one simulated analysis {:.0?}, {} events, ${}",
                begun.elapsed(),
                state["last_seq"],
                state["cost_usd"]
            );
            break;
        }
        assert!(state["status"] == "queued" || state["status"] == "running", "{state}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, trace) = connection.send("GET", &format!("{path}/trace"), &running.token, None).await;
    let entries = trace["entries"].as_array().unwrap();
    let count = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
    // Further documents: the task, its grant, two counters, thirteen artefacts.
    println!(
        "  documents            {} events, {} steps, {} calls, 17 others",
        count("event"),
        count("step"),
        count("call")
    );
}

/// Keeps `connections` busy for `seconds` and prints the rate and the latencies.
async fn load(running: &Running, path: &'static str, body: &Value, connections: u64, seconds: u64) {
    let ends = Instant::now() + Duration::from_secs(seconds);
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (address, token, body) =
                (running.address.clone(), running.token.clone(), body.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(&address).await;
                let mut latencies = Vec::new();
                while Instant::now() < ends {
                    let begun = Instant::now();
                    let (status, answer) = connection.send("POST", path, &token, Some(&body)).await;
                    assert_eq!(status, 200, "{answer}");
                    latencies.push(begun.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await.unwrap());
    }
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let rate = latencies.len() as u64 / seconds;
    println!(
        "POST {path:<17} {rate} a second at {connections} connections, p50 {:.2?}, p99 {:.2?}",
        at(50),
        at(99)
    );
}
