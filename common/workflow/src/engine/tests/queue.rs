//! More tasks than a business may run: they wait in the queue and start in the order of arrival.

use std::collections::BTreeSet;

use testkit::{Access, Fault};

use super::*;
use ledger::Error;

/// The tier runs two tasks at once and lets ten wait; the first task is the world's own.
async fn basic() -> World {
    let world = World::new().await;
    let subscription = Subscription { tier: Tier::Basic, status: SubscriptionStatus::Active };
    world.engine.ledger().set_subscription(&acme(), subscription).await.unwrap();
    world
}

/// Cheap enough for a full queue of them to fit the tier's daily budget.
fn another() -> Submission {
    Submission { idempotency_key: None, max_cost: Some(NanoUsd(600_000_000)), ..submission() }
}

async fn submit(world: &World, count: usize) -> Vec<TaskId> {
    let account = world.engine.ledger().admit(&acme()).await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..count {
        world.clock.advance_ms(1);
        tasks.push(world.engine.submit(&account, &another()).await.unwrap().task);
    }
    tasks
}

/// The tasks that wait, by whether they are in `tasks`.
async fn waiting(world: &World, tasks: &[TaskId]) -> Vec<bool> {
    let mut waiting = Vec::new();
    for task in tasks {
        waiting.push(world.engine.read_task(task).await.unwrap().0.state.is_waiting());
    }
    waiting
}

fn running(world: &World) -> usize {
    let open = |doc: &TaskDoc| {
        matches!(doc.state.status(), Status::Queued | Status::Running) && !doc.state.is_waiting()
    };
    world.stored::<TaskDoc>("tasks").iter().filter(|doc| open(doc)).count()
}

#[tokio::test(start_paused = true)]
async fn tasks_beyond_the_cap_start_in_arrival_order() {
    let world = basic().await;
    let tasks = submit(&world, 4).await;
    assert_eq!(waiting(&world, &tasks).await, [false, true, true, true]);
    let mut started = Vec::new();
    let mut seen = BTreeSet::new();
    loop {
        let wakes = world.wakes();
        if wakes.is_empty() {
            break;
        }
        for (phase, wake) in wakes {
            if seen.insert(wake.task_id.clone()) {
                started.push(wake.task_id.clone());
            }
            world.engine.handle(phase, &wake).await;
            assert!(running(&world) <= 2);
        }
    }
    assert_eq!(started[1..], tasks);
    let done = world.stored::<TaskDoc>("tasks");
    assert!(done.iter().all(|doc| doc.state.status() == Status::Completed), "{:?}", done.len());
    assert_eq!(world.day().await.reserved, NanoUsd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_line_has_an_end() {
    let world = basic().await;
    let tasks = submit(&world, 11).await;
    let account = world.engine.ledger().admit(&acme()).await.unwrap();
    let refused = world.engine.submit(&account, &another()).await;
    let Err(Error::Refused(refusal)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(refusal.code, domain::budget::RefusalCode::ConcurrencyLimit);
    // A queued task that is cancelled makes room for another.
    world.engine.cancel(&tasks[10], "enough").await.unwrap();
    assert!(world.engine.submit(&account, &another()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_sweep_gives_a_free_place_to_the_queue() {
    let world = basic().await;
    let tasks = submit(&world, 2).await;
    // The canceller dies before it can start the next task.
    let is_of_line =
        |writes: &[ports::Write]| writes.iter().any(|write| write.key.collection == "lines");
    world.documents.fail_when(move |access| match access {
        Access::Commit(writes) if is_of_line(writes) => Some(Fault::UnavailableBefore),
        Access::Commit(_) | Access::Get(_) | Access::Query(_) => None,
    });
    world.engine.cancel(&world.task, "enough").await.unwrap();
    assert_eq!(waiting(&world, &tasks).await, [false, true]);
    world.documents.heal();
    world.sweep_after(domain::task::QUEUE_CHECK_SECONDS).await;
    assert_eq!(waiting(&world, &tasks).await, [false, false]);
    world.run().await;
    assert_eq!(
        world.engine.read_task(&tasks[1]).await.unwrap().0.state.status(),
        Status::Completed
    );
}

#[tokio::test(start_paused = true)]
async fn instances_that_see_the_same_place_give_it_once() {
    let world = basic().await;
    let tasks = submit(&world, 4).await;
    world.documents.fail_when(|_| Some(Fault::Slow(Duration::from_millis(2))));
    let account = world.engine.ledger().admit(&acme()).await.unwrap();
    let another = another();
    let (business, other) = (acme(), world.engine.clone());
    let (_, (), (), submitted) = tokio::join!(
        world.engine.cancel(&world.task, "enough"),
        world.engine.start_next(&business),
        other.start_next(&business),
        other.submit(&account, &another),
    );
    world.documents.heal();
    assert_eq!(waiting(&world, &tasks).await, [false, false, true, true]);
    assert_eq!(waiting(&world, &[submitted.unwrap().task]).await, [true]);
    assert_eq!(running(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_parked_task_waits_in_the_queue() {
    let world = basic().await;
    world.gateway.script([Scripted::Fail(GatewayError::Refused(refusal("task_budget_exceeded")))]);
    let (phase, wake) = world.wakes().remove(0);
    world.engine.handle(phase, &wake).await;
    assert_eq!(world.status().await, Status::Parked);
    let tasks = submit(&world, 2).await;
    assert_eq!(waiting(&world, &tasks).await, [false, false]);
    world.engine.redrive(&world.task).await.unwrap();
    assert!(world.doc().await.state.is_waiting());
    world.run().await;
    assert_eq!(world.status().await, Status::Completed);
}
