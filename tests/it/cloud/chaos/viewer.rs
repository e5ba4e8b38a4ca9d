//! A socket client that reconnects all the time and must neither miss an event nor get one twice.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// How long one connection is kept.
const STAY: Duration = Duration::from_secs(2);
/// Pause before it reconnects after the relay refused it.
const AWAY: Duration = Duration::from_millis(200);

/// What a viewer received.
#[derive(Default)]
pub(super) struct SeenEvents {
    /// The number of the last event; each earlier one was received once, in order.
    pub(super) last: u64,
    pub(super) connections: u64,
}

/// Follows a task until it is over or parked.
pub(super) async fn follow(url: String, token: String) -> SeenEvents {
    let mut seen = SeenEvents::default();
    loop {
        let mut request = format!("{url}?after={}", seen.last).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let Ok(Ok((mut socket, _))) =
            timeout(STAY, tokio_tungstenite::connect_async(request)).await
        else {
            sleep(AWAY).await;
            continue;
        };
        seen.connections += 1;
        let ended = timeout(STAY, async {
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else { continue };
                let event: Value = serde_json::from_str(&text).unwrap();
                let name = event["event"].as_str().unwrap();
                if ["hello", "heartbeat", "pong"].contains(&name) {
                    continue;
                }
                assert_eq!(
                    event["seq"].as_u64().unwrap(),
                    seen.last + 1,
                    "a gap or a repeat: {event}"
                );
                seen.last += 1;
                if ["task_completed", "task_failed", "task_cancelled", "task_parked"]
                    .contains(&name)
                {
                    return true;
                }
            }
            false
        });
        if ended.await.unwrap_or(false) {
            return seen;
        }
    }
}
