//! Measures start time and idle memory of every function's program, in the mode of Cloud Run.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{net::TcpStream, process::Command};

use crate::{http::Connection, resident};

const TOPOLOGY: &str = include_str!("../../../terraform/topology.json");
const STARTS: usize = 15;
/// Settings that functions may require; nothing answers at these addresses, and nothing is called
/// at the start.
const SETTINGS: [(&str, &str); 9] = [
    ("APP_MODE", "staging"),
    ("GCP_PROJECT_ID", "p"),
    ("GCE_METADATA_HOST", "127.0.0.1:9"),
    ("ROUTE_EXECUTE_URL", "http://127.0.0.1:9"),
    ("VECTOR_SEARCH_URL", "http://127.0.0.1:9"),
    ("RELAY_URL", "ws://127.0.0.1:9"),
    ("PUSH_AUDIENCE", "p"),
    ("PUSH_SERVICE_ACCOUNT", "push@p"),
    ("CALLER_SERVICE_ACCOUNTS", "caller@p"),
];

/// Prints a table of the programs in a folder.
pub(crate) async fn measure(programs: &Path) {
    let topology: Value = serde_json::from_str(TOPOLOGY).unwrap();
    println!(
        "{:20} {:>10} {:>10} {:>10} {:>10}",
        "function", "start min", "median", "max", "idle KiB"
    );
    let functions = topology["functions"].as_object().unwrap();
    // A job serves no requests.
    for (name, _) in functions.iter().filter(|(_, function)| function["kind"] == "service") {
        let mut starts = Vec::new();
        let mut idle = String::new();
        for _ in 0..STARTS {
            let (took, memory) = start(&programs.join(name)).await;
            starts.push(took);
            idle = memory;
        }
        starts.sort_unstable();
        let ms = |took: Duration| format!("{:.1} ms", took.as_secs_f64() * 1000.0);
        let (least, median, most) = (ms(starts[0]), ms(starts[STARTS / 2]), ms(starts[STARTS - 1]));
        println!("{name:20} {least:>10} {median:>10} {most:>10} {idle:>10}");
    }
}

/// Starts a program; returns the time until its first 200 and its memory a moment later.
async fn start(program: &Path) -> (Duration, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let begun = Instant::now();
    let mut command = Command::new(program);
    command.env_clear().envs(SETTINGS).env("PORT", port.to_string()).kill_on_drop(true);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while TcpStream::connect(&address).await.is_err() {
        assert!(child.try_wait().unwrap().is_none(), "{} did not start", program.display());
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let (status, _) = Connection::open(&address).await.send("GET", "/health", "", None).await;
    let took = begun.elapsed();
    assert_eq!(status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let memory = resident(&child);
    child.kill().await.unwrap();
    (took, memory)
}
