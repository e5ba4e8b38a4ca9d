//! Publishes events to Pub/Sub.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use google_cloud_pubsub::{
    client::{BasePublisher, Publisher},
    model::Message as Published,
};
use ports::{BusError, EventBus, Message};
use tokio::sync::OnceCell;

use crate::{Credentials, credentials};

/// The longest wait of a publisher; after a failure the sweep wakes the task that the message was
/// for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Publishes to the topics of a project.
pub struct PubSub {
    project: String,
    emulator: Option<String>,
    credentials: Option<Credentials>,
    client: OnceCell<BasePublisher>,
    topics: Mutex<HashMap<String, Publisher>>,
}

impl PubSub {
    /// A bus that connects at its first message; `emulator` is the `host:port` of an emulator to
    /// use instead of Google.
    pub fn new(
        project: impl Into<String>,
        emulator: Option<String>,
        credentials: Option<Credentials>,
    ) -> Self {
        let topics = Mutex::new(HashMap::new());
        Self { project: project.into(), emulator, credentials, client: OnceCell::new(), topics }
    }

    async fn client(&self) -> Result<&BasePublisher, BusError> {
        let connect = || async {
            let builder = BasePublisher::builder();
            let builder = match (&self.emulator, &self.credentials) {
                // The client does not detect an emulator itself, nor that it needs no credentials
                // there.
                (Some(host), _) => builder
                    .with_endpoint(format!("http://{host}"))
                    .with_credentials(credentials::nobody()),
                (None, Some(credentials)) => builder.with_credentials(credentials.google()),
                (None, None) => builder,
            };
            builder.build().await.map_err(|error| BusError(error.to_string()))
        };
        self.client.get_or_try_init(connect).await
    }

    async fn publisher(&self, topic: &str) -> Result<Publisher, BusError> {
        let client = self.client().await?;
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let name = || format!("projects/{}/topics/{topic}", self.project);
        // Each message is sent at once: the wake-up of a phase must not wait for a batch to fill.
        let publisher = topics
            .entry(topic.into())
            .or_insert_with(|| client.publisher(name()).set_message_count_threshold(1).build());
        Ok(publisher.clone())
    }
}

#[async_trait]
impl EventBus for PubSub {
    async fn publish(&self, message: Message) -> Result<(), BusError> {
        let publisher = self.publisher(&message.topic).await?;
        let outgoing =
            Published::new().set_data(message.data.into_bytes()).set_attributes(message.attributes);
        match tokio::time::timeout(TIMEOUT, publisher.publish(outgoing)).await {
            Ok(Ok(_id)) => Ok(()),
            Ok(Err(error)) => Err(BusError(error.to_string())),
            Err(_) => Err(BusError(format!("no answer within {TIMEOUT:?}"))),
        }
    }
}
