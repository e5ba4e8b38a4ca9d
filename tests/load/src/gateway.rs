//! Measures what the gateway adds to a call, with authentication and the hard budget on: latency,
//! CPU time, rate.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Child;

use crate::{
    Running,
    http::{self, Connection},
    resident, start_with, upstream,
};

/// Ticks per second in which the kernel counts CPU time.
const TICKS_PER_SECOND: u64 = 100;

/// Rounds in which the programs are driven in turn, because the speed of a shared machine varies
/// from second to second.
const ROUNDS: usize = 5;

/// The loads: name, whether the answer is streamed, connections.
const LOADS: [(&str, bool, u64); 5] = [
    ("whole, 1 connection", false, 1),
    ("whole, 16 connections", false, 16),
    ("whole, 64 connections", false, 64),
    ("streamed, 1 connection", true, 1),
    ("streamed, 16 connections", true, 16),
];

/// Prints the median of each figure over the rounds, for each program.
pub(crate) async fn measure(programs: &[String], seconds: u64) {
    let url = upstream::serve().await;
    let chat = json!({ "model": "nano", "messages": [{ "role": "user", "content": "Summarise: harbours plan berths." }] });
    let mut streamed = chat.clone();
    streamed["stream"] = true.into();
    let base = drive(&address_of(&url), "", &chat, 1, 1).await;
    println!("upstream alone, 1 connection      p50 {:.2?}", base.at(50));
    let settings = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", "sk-measured")];
    let mut running = Vec::new();
    for program in programs {
        let dir = tempfile::tempdir().unwrap();
        running.push((program, start_with(program, dir.path(), &settings).await, dir));
    }
    for (name, is_streamed, connections) in LOADS {
        let mut rounds = vec![Vec::new(); programs.len()];
        for _ in 0..ROUNDS {
            for ((_, running, _), rounds) in running.iter().zip(&mut rounds) {
                let body = if is_streamed { &streamed } else { &chat };
                rounds.push(round(running, body, connections, seconds).await);
            }
        }
        for ((program, ..), rounds) in running.iter().zip(rounds) {
            let median = |figure: fn(&Figures) -> f64| {
                let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
                figures.sort_unstable_by(f64::total_cmp);
                figures[figures.len() / 2]
            };
            println!(
                "{name:25} {:>6.0}/s  p50 {:.2} ms  p99 {:.2} ms  processor {:.3} ms a call  {program}",
                median(|it| it.rate),
                median(|it| it.p50),
                median(|it| it.p99),
                median(|it| it.processor)
            );
        }
    }
    for (program, running, _) in &running {
        println!("resident, loaded          {} KiB  {program}", resident(&running.child));
    }
}

/// The figures of a round; times in milliseconds.
#[derive(Clone)]
struct Figures {
    rate: f64,
    p50: f64,
    p99: f64,
    processor: f64,
}

async fn round(running: &Running, body: &Value, connections: u64, seconds: u64) -> Figures {
    let before = processor_time(&running.child);
    let run = drive(&running.address, &running.token, body, connections, seconds).await;
    let processor = processor_time(&running.child).saturating_sub(before);
    let count = f64::from(u32::try_from(run.0.len()).unwrap());
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Figures {
        rate: count / Duration::from_secs(seconds).as_secs_f64(),
        p50: ms(run.at(50)),
        p99: ms(run.at(99)),
        processor: ms(processor) / count,
    }
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
            let (address, request) =
                (address.to_owned(), http::post("/v1/chat/completions", token, body));
            tokio::spawn(async move {
                let mut connection = Connection::open(&address).await;
                let mut latencies = Vec::new();
                while Instant::now() < ends {
                    let begun = Instant::now();
                    let status = connection.exchange(&request).await;
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

/// User and system CPU time of a process so far.
fn processor_time(child: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id().unwrap())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |index: usize| fields.split(' ').nth(index).unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS_PER_SECOND)
}
