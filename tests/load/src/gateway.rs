//! What the gateway adds to a call, with authentication and the hard budget on: latency, processor time, rate.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Child;

use crate::{http::Connection, resident, start_with, upstream};

/// The kernel counts processor time in these parts of a second.
const TICKS_PER_SECOND: u64 = 100;

/// Prints the figures of a program.
pub(crate) async fn measure(program: &str, seconds: u64) {
    let url = upstream::serve().await;
    let dir = tempfile::tempdir().unwrap();
    let settings = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", "sk-measured")];
    let running = start_with(program, dir.path(), &settings).await;
    let chat =
        json!({ "model": "nano", "messages": [{ "role": "user", "content": "Summarise: harbours plan berths." }] });
    let mut streamed = chat.clone();
    streamed["stream"] = true.into();
    let direct = address_of(&url);
    let base = drive(&direct, "", &chat, 1, seconds).await;
    println!("upstream alone, 1 connection      p50 {:.2?}", base.at(50));
    for (name, body, connections) in [
        ("whole, 1 connection", &chat, 1),
        ("whole, 16 connections", &chat, 16),
        ("whole, 64 connections", &chat, 64),
        ("streamed, 1 connection", &streamed, 1),
        ("streamed, 16 connections", &streamed, 16),
    ] {
        let before = processor_time(&running.child);
        let run = drive(&running.address, &running.token, body, connections, seconds).await;
        let cpu = processor_time(&running.child).saturating_sub(before);
        let count = u32::try_from(run.0.len()).unwrap();
        println!(
            "{name:33} {:>6}/s  p50 {:.2?}  p99 {:.2?}  processor {:.3} ms a call",
            u64::from(count) / seconds,
            run.at(50),
            run.at(99),
            cpu.as_secs_f64() * 1000.0 / f64::from(count)
        );
    }
    println!("resident, loaded                  {} KiB", resident(&running.child));
}

/// Sorted latencies.
struct Run(Vec<Duration>);

impl Run {
    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

async fn drive(address: &str, token: &str, body: &Value, connections: u64, seconds: u64) -> Run {
    let ends = Instant::now() + Duration::from_secs(seconds);
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (address, token, body) = (address.to_owned(), token.to_owned(), body.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(&address).await;
                let mut latencies = Vec::new();
                while Instant::now() < ends {
                    let begun = Instant::now();
                    let status = connection.exchange("/v1/chat/completions", &token, &body).await;
                    assert_eq!(status, 200);
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
    Run(latencies)
}

fn address_of(url: &str) -> String {
    url.trim_start_matches("http://").trim_end_matches("/v1").into()
}

/// User and system time of a process so far.
fn processor_time(child: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id().unwrap())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |index: usize| fields.split(' ').nth(index).unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS_PER_SECOND)
}
