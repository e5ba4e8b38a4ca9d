//! Concurrent clients over sockets, and their results.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::money::usd;
use futures::StreamExt as _;
use reqwest::Response;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{Row, World};

/// How a call ended for its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    Answered,
    /// The client received text, then disconnected.
    Disconnected,
    /// Refused for lack of budget.
    Refused,
    Failed(&'static str),
}

impl Reply {
    pub(super) fn is_served(&self) -> bool {
        matches!(self, Self::Answered | Self::Disconnected)
    }
}

/// Runs this many concurrent clients, spread over the instances.
pub(super) async fn wave(world: &Arc<World>, row: Row, clients: u64) -> Vec<Reply> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut calls = JoinSet::new();
    for _ in 0..clients {
        let (world, n) = (world.clone(), NEXT.fetch_add(1, Ordering::Relaxed));
        calls.spawn(async move {
            reply(&row, (row.disconnects)(n), world.send(n, &row.request(n)).await).await
        });
    }
    calls.join_all().await
}

async fn reply(row: &Row, disconnects: bool, response: Response) -> Reply {
    let status = response.status();
    if !status.is_success() {
        let problem: Value = response.json().await.unwrap();
        return match problem["code"].as_str().unwrap() {
            "daily_budget_exceeded" | "monthly_budget_exceeded" => {
                let amount = |field: &str| usd::deserialize(&problem[field]).unwrap();
                assert!(
                    amount("estimated") > amount("remaining"),
                    "refused although it fits: {problem}"
                );
                Reply::Refused
            }
            code => Reply::Failed(
                row.may_fail.filter(|may| *may == code).unwrap_or_else(|| panic!("{problem}")),
            ),
        };
    }
    if !row.is_streamed {
        response.json::<Value>().await.unwrap();
        return Reply::Answered;
    }
    let (mut text, mut pieces) = (String::new(), response.bytes_stream());
    while let Some(piece) = pieces.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        if disconnects && text.contains("event: delta") {
            return Reply::Disconnected;
        }
    }
    assert!(text.contains("event: completed"), "{text}");
    Reply::Answered
}

pub(super) mod small_call {
    //! The next client, with a small request.

    use super::World;

    const PROMPT: &str = "One word.";
    /// Bounds of its tokens: one per byte plus the frame, and the least output that may be
    /// requested.
    pub(in crate::overspend) const INPUT: u64 = PROMPT.len() as u64 + 16;
    pub(in crate::overspend) const OUTPUT: u64 = 16;

    pub(in crate::overspend) async fn passes(world: &World) {
        let mut request = crate::app::execute_request(super::super::world::BUSINESS, PROMPT);
        (request["model"], request["max_output_tokens"]) = ("nano".into(), OUTPUT.into());
        let response = world.send(0, &request).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }
}
