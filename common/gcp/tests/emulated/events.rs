//! Tests of events over Pub/Sub.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gcp::PubSub;
use ports::{EventBus as _, Message};
use serde_json::{Value, json};

use crate::{emulator, unique};

/// A project of the emulator with one topic and one subscription, used over REST like by any other
/// consumer.
struct Project {
    url: String,
    id: String,
    client: reqwest::Client,
}

impl Project {
    async fn with_topic(topic: &str) -> Self {
        let id = unique("events");
        let url = format!("http://{}/v1/projects/{id}", emulator("PUBSUB_EMULATOR_HOST"));
        let project = Self { url, id, client: reqwest::Client::new() };
        project
            .call(project.client.put(format!("{}/topics/{topic}", project.url)), &json!({}))
            .await;
        let body = json!({"topic": format!("projects/{}/topics/{topic}", project.id)});
        project.call(project.client.put(format!("{}/subscriptions/sub", project.url)), &body).await;
        project
    }

    async fn call(&self, request: reqwest::RequestBuilder, body: &Value) -> Value {
        request.json(body).send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Waits for one message.
    async fn pull(&self) -> Value {
        let pull = || self.client.post(format!("{}/subscriptions/sub:pull", self.url));
        let pulled = self.call(pull(), &json!({"maxMessages": 1})).await;
        pulled["receivedMessages"][0]["message"].clone()
    }
}

fn wake(topic: &str) -> Message {
    let attributes = [("task_id", "t1"), ("phase_seq", "3"), ("traceparent", "00-1-2-01")];
    Message {
        topic: topic.into(),
        data: r#"{"task_id":"t1","phase_seq":3}"#.into(),
        attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
    }
}

#[tokio::test]
async fn a_message_arrives_with_its_payload_and_attributes() {
    let project = Project::with_topic("phase-research").await;
    let bus = PubSub::new(&project.id, Some(emulator("PUBSUB_EMULATOR_HOST")), None);
    let sent = wake("phase-research");
    bus.publish(sent.clone()).await.unwrap();
    let message = project.pull().await;
    let data = STANDARD.decode(message["data"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(data).unwrap(), sent.data);
    let attributes: BTreeMap<String, String> =
        serde_json::from_value(message["attributes"].clone()).unwrap();
    assert_eq!(attributes, sent.attributes);
}

#[tokio::test]
async fn a_missing_topic_is_an_error() {
    let project = Project::with_topic("phase-research").await;
    let bus = PubSub::new(&project.id, Some(emulator("PUBSUB_EMULATOR_HOST")), None);
    assert!(bus.publish(wake("phase-nothing")).await.is_err());
}
