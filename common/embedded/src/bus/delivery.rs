//! Pushes messages into a router until it acknowledges them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::backoff::Backoff;
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};
use tower::ServiceExt;

use super::{Bus, Published};

/// The topic of messages that were never acknowledged. They carry their original topic in
/// `CloudPubSubDeadLetterSourceSubscription`, as Pub/Sub's dead letters do.
pub const DEAD_LETTER_TOPIC: &str = "dead-letter";

const DELIVERIES: u32 = 10;
/// Concurrent deliveries per topic.
const CONCURRENCY: usize = 16;
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(30) };

/// The delivering side of a [`Bus`].
pub struct Delivery {
    pub(super) bus: Bus,
    pub(super) messages: mpsc::UnboundedReceiver<Published>,
}

impl Delivery {
    /// Posts each message of these topics to `/push/{topic}` of `router` until it answers with a
    /// 2xx status, and drops messages of topics without a subscriber. `sign` makes the bearer token
    /// of each request.
    ///
    /// Returns when `stop` is ready and the deliveries in flight have been answered; waiting
    /// messages are dropped.
    pub async fn run(
        mut self,
        router: Router,
        topics: impl IntoIterator<Item: Into<String>>,
        sign: impl Fn() -> String + Send + Sync + 'static,
        stop: impl Future<Output = ()>,
    ) {
        let permits =
            topics.into_iter().map(|topic| (topic.into(), Semaphore::new(CONCURRENCY))).collect();
        let (stopping, stopped) = watch::channel(false);
        let courier =
            Arc::new(Courier { router, sign: Box::new(sign), permits, bus: self.bus, stopped });
        let mut deliveries = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(published) = self.messages.recv() => {
                    if courier.permits.contains_key(&published.message.topic) {
                        deliveries.spawn(courier.clone().deliver(published));
                    }
                }
                Some(_) = deliveries.join_next() => {}
            }
        }
        stopping.send_replace(true);
        while deliveries.join_next().await.is_some() {}
    }
}

/// State that all deliveries share.
struct Courier {
    router: Router,
    sign: Box<dyn Fn() -> String + Send + Sync>,
    permits: HashMap<String, Semaphore>,
    bus: Bus,
    stopped: watch::Receiver<bool>,
}

impl Courier {
    async fn deliver(self: Arc<Self>, published: Published) {
        let Some(permits) = self.permits.get(&published.message.topic) else { return };
        for attempt in 1..=DELIVERIES {
            if attempt > 1
                && self
                    .unless_stopped(tokio::time::sleep(BACKOFF.ceiling(attempt - 1)))
                    .await
                    .is_none()
            {
                return;
            }
            let Some(Ok(_permit)) = self.unless_stopped(permits.acquire()).await else { return };
            if self.push(&published, attempt).await {
                return;
            }
        }
        self.send_to_dead_letters(published);
    }

    /// Waits for `waiting`, but not beyond the stop. A request that was sent is always waited for.
    async fn unless_stopped<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => None,
            value = waiting => Some(value),
        }
    }

    /// Whether the router acknowledged the message.
    async fn push(&self, published: &Published, attempt: u32) -> bool {
        let Published { id, time, message } = published;
        let envelope = json!({
            "message": {
                "data": STANDARD.encode(&message.data),
                "attributes": message.attributes,
                "messageId": id,
                "publishTime": time,
            },
            "subscription": format!("projects/local/subscriptions/{}", message.topic),
            "deliveryAttempt": attempt,
        });
        let request = Request::post(format!("/push/{}", message.topic))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", (self.sign)()))
            .body(Body::from(envelope.to_string()));
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(message.topic, %error, "the message {id} cannot be sent");
                return false;
            }
        };
        let Ok(response) = self.router.clone().oneshot(request).await;
        response.status().is_success()
    }

    fn send_to_dead_letters(&self, published: Published) {
        let Published { id, mut message, .. } = published;
        tracing::warn!(
            message.topic,
            "the message {id} was not acknowledged in {DELIVERIES} deliveries"
        );
        if message.topic == DEAD_LETTER_TOPIC {
            return;
        }
        let topic = std::mem::replace(&mut message.topic, DEAD_LETTER_TOPIC.into());
        message.attributes.insert("CloudPubSubDeadLetterSourceSubscription".into(), topic);
        message
            .attributes
            .insert("CloudPubSubDeadLetterSourceDeliveryCount".into(), DELIVERIES.to_string());
        // This fails only after the delivery has ended, and then the sweep finds the task.
        let _ = self.bus.send(message);
    }
}
