//! The bus: messages that are lost, late, repeated or out of order, and their delivery to any
//! running instance.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{TaskId, phase::Phase};
use ports::{BusError, EventBus, Message};
use workflow::{Delivery, Wake};

use crate::{instance::Instance, world::World};

/// A message without an acknowledgement is delivered again after this long.
const ACK_DEADLINE: Duration = Duration::from_mins(10);
/// The most deliveries of a message before it becomes a dead letter.
const MOST_DELIVERIES: u32 = 10;
/// The topic of dead letters.
const DEAD_LETTER: &str = "dead-letter";

/// The bus's port of one instance.
pub(crate) struct BusPort(pub(crate) Arc<Instance>);

#[async_trait]
impl EventBus for BusPort {
    async fn publish(&self, message: Message) -> Result<(), BusError> {
        self.0.pass("a publication").await;
        let world = &self.0.world;
        let faults = world.faults();
        if world.dice.happens(faults.refused_message) {
            return Err(BusError("the simulated bus is away".into()));
        }
        let is_kept = !world.dice.happens(faults.lost_message);
        let copies =
            u32::from(is_kept) + u32::from(is_kept && world.dice.happens(faults.repeated_message));
        self.0.note(|| format!("publishes {} {} ({copies} times)", message.topic, message.data));
        for _ in 0..copies {
            let is_late = world.dice.happens(faults.late_message);
            let delay =
                if is_late { world.dice.seconds(20..=300) } else { faults.latency(&world.dice) };
            // Events for external consumers have no subscriber here.
            if message.topic != "task-events" {
                tokio::spawn(deliver(world.clone(), message.clone(), delay));
            }
        }
        self.0.pass("a publication's answer").await;
        Ok(())
    }
}

async fn deliver(world: Arc<World>, mut message: Message, mut delay: Duration) {
    let mut deliveries = 0;
    loop {
        tokio::time::sleep(delay).await;
        if deliveries == MOST_DELIVERIES {
            (message.topic, deliveries) = (DEAD_LETTER.into(), 0);
        }
        deliveries += 1;
        let handled = handle(&world, &message).await;
        world.trace.note("bus", || format!("{} {}: {handled:?}", message.topic, message.data));
        match handled {
            Some(Delivery::Done) => return,
            Some(Delivery::Again) => delay = world.dice.seconds(1..=20),
            // A push whose instance died looks like a lost connection, or has no answer until the
            // deadline.
            None => delay = world.dice.seconds(1..=600),
        }
    }
}

/// One push; `None` if it was not answered. The work that it started may continue.
async fn handle(world: &Arc<World>, message: &Message) -> Option<Delivery> {
    let instance = world.any_instance()?;
    let message = message.clone();
    let died = instance.dead.clone();
    let pushed = tokio::spawn(async move {
        instance.pass("a push").await;
        match message.topic.strip_prefix("phase-").and_then(|name| name.parse::<Phase>().ok()) {
            Some(phase) => {
                let wake: Wake = serde_json::from_str(&message.data).ok()?;
                Some(instance.running()?.engine.handle(phase, &wake).await)
            }
            None => park(&instance, &message).await,
        }
    });
    tokio::select! {
        biased;
        handled = pushed => handled.ok().flatten(),
        () = died.cancelled() => None,
        () = tokio::time::sleep(ACK_DEADLINE) => None,
    }
}

/// Parks the task of a message that could not be handled.
async fn park(instance: &Instance, message: &Message) -> Option<Delivery> {
    let task = TaskId::new(message.attributes.get("task_id")?.as_str()).ok()?;
    let parked =
        instance.running()?.engine.park(&task, "its wake-up was delivered in vain too often").await;
    Some(if parked.is_ok() { Delivery::Done } else { Delivery::Again })
}
