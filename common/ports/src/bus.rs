//! Events between functions: wake-ups for the phases and lifecycle news for outside consumers.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// One message. A message is a hint: losing, repeating or reordering it must change nothing but
/// time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Topic name, such as `phase-research`.
    pub topic: String,
    /// JSON payload.
    pub data: String,
    /// `task_id`, `phase_seq`, `traceparent`.
    pub attributes: BTreeMap<String, String>,
}

/// The message may not have been published; the sweep will wake whoever waits for it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("the event bus is unavailable: {0}")]
pub struct BusError(pub String);

/// Publishes messages, at least once, in no particular order.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes one message.
    async fn publish(&self, message: Message) -> Result<(), BusError>;
}

#[async_trait]
impl<T: EventBus + ?Sized> EventBus for Arc<T> {
    async fn publish(&self, message: Message) -> Result<(), BusError> {
        (**self).publish(message).await
    }
}
