use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use testkit::FixedClock;
use tokio::{sync::oneshot, task::JoinHandle};

use super::*;

/// A bus that delivers into a router which refuses the first `refusals` pushes of each topic and
/// records all.
struct World {
    bus: Bus,
    pushes: Arc<Mutex<Vec<Value>>>,
    stop: oneshot::Sender<()>,
    delivery: JoinHandle<()>,
}

impl World {
    fn new(refusals: usize) -> Self {
        let pushes: Arc<Mutex<Vec<Value>>> = Arc::default();
        let record = pushes.clone();
        let push = async move |Path(topic): Path<String>,
                               headers: HeaderMap,
                               Json(envelope): Json<Value>| {
            let mut pushes = record.lock().unwrap();
            let authorization = headers["authorization"].to_str().unwrap();
            let before = pushes.iter().filter(|push| push["topic"] == topic).count();
            pushes.push(
                json!({"topic": topic, "authorization": authorization, "envelope": envelope}),
            );
            if before < refusals { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
        };
        let router = Router::new().route("/push/{topic}", post(push));
        let (bus, delivery) = Bus::new(Arc::new(FixedClock::at("2026-11-22T09:30:00Z")));
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let topics = ["phase-research", DEAD_LETTER_TOPIC];
        let delivery = tokio::spawn(delivery.run(router, topics, || "signed".into(), stopped));
        Self { bus, pushes, stop, delivery }
    }

    async fn publish(&self, topic: &str, data: &str) {
        let attributes = BTreeMap::from([("task_id".into(), "t1".into())]);
        let message = Message { topic: topic.into(), data: data.into(), attributes };
        self.bus.publish(message).await.unwrap();
    }

    /// Advances the paused clock until every redelivery has happened.
    async fn pushes(&self) -> Vec<Value> {
        tokio::time::sleep(Duration::from_hours(1)).await;
        self.pushes.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_pushed_as_pub_sub_would() {
    let world = World::new(0);
    world.publish("phase-research", r#"{"task_id":"t1"}"#).await;
    let mut pushes = world.pushes().await;
    assert!(!pushes[0]["envelope"]["message"]["messageId"].take().as_str().unwrap().is_empty());
    let expected = json!([{
        "topic": "phase-research",
        "authorization": "Bearer signed",
        "envelope": {
            "message": {
                "data": "eyJ0YXNrX2lkIjoidDEifQ==",
                "attributes": {"task_id": "t1"},
                "messageId": null,
                "publishTime": "2026-11-22T09:30:00.000Z",
            },
            "subscription": "projects/local/subscriptions/phase-research",
            "deliveryAttempt": 1,
        },
    }]);
    assert_eq!(json!(pushes), expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_redelivered_with_its_id() {
    let world = World::new(2);
    world.publish("phase-research", "{}").await;
    let pushes = world.pushes().await;
    let attempts: Vec<_> =
        pushes.iter().map(|push| push["envelope"]["deliveryAttempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    let id = |i: usize| &pushes[i]["envelope"]["message"]["messageId"];
    assert!(id(0) == id(1) && id(1) == id(2), "{pushes:?}");
}

#[tokio::test(start_paused = true)]
async fn after_ten_refusals_a_message_becomes_a_dead_letter() {
    let world = World::new(10);
    world.publish("phase-research", "{}").await;
    let pushes = world.pushes().await;
    let of_topic = |topic: &str| pushes.iter().filter(|push| push["topic"] == topic).count();
    assert_eq!((of_topic("phase-research"), of_topic(DEAD_LETTER_TOPIC)), (10, 10));
    let expected = json!({
        "task_id": "t1",
        "CloudPubSubDeadLetterSourceSubscription": "phase-research",
        "CloudPubSubDeadLetterSourceDeliveryCount": "10",
    });
    assert_eq!(pushes[10]["envelope"]["message"]["attributes"], expected);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_subscribers_is_dropped() {
    let world = World::new(0);
    world.publish("task-events", "{}").await;
    world.publish("phase-research", "{}").await;
    let pushes = world.pushes().await;
    assert_eq!((pushes.len(), &pushes[0]["topic"]), (1, &json!("phase-research")));
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_deliveries_in_flight_finish() {
    let finished = Arc::new(Mutex::new(0));
    let count = finished.clone();
    let slow = post(async move |Json(_): Json<Value>| {
        tokio::time::sleep(Duration::from_secs(5)).await;
        *count.lock().unwrap() += 1;
        StatusCode::SERVICE_UNAVAILABLE
    });
    let (bus, delivery) = Bus::new(Arc::new(FixedClock::at("2026-11-22T09:30:00Z")));
    for i in 0..20 {
        let message = Message { topic: "slow".into(), data: i.to_string(), attributes: [].into() };
        bus.publish(message).await.unwrap();
    }
    let stop = tokio::time::sleep(Duration::from_secs(1));
    delivery.run(Router::new().route("/push/slow", slow), ["slow"], String::new, stop).await;
    assert_eq!(*finished.lock().unwrap(), 16, "as many as are delivered at the same time");
    let late = Message { topic: "slow".into(), data: String::new(), attributes: [].into() };
    assert!(bus.publish(late).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_delivery() {
    let world = World::new(usize::MAX);
    world.publish("phase-research", "{}").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(1), world.delivery).await.unwrap().unwrap();
}
