//! Cancels, parks and redrives that race other commits.

use testkit::Fault;

use super::*;

#[tokio::test(start_paused = true)]
async fn cancel_ends_the_task_its_calls_and_grant() {
    let world = World::new().await;
    world.gateway.script([Scripted::Hang]);
    let (phase, wake) = world.wakes().remove(0);
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.engine.cancel(&world.task, "no longer needed").await
    };
    let both = async { tokio::join!(world.engine.handle(phase, &wake), cancel) };
    // The worker notices by its watch, long before its next heartbeat.
    let ended = tokio::time::timeout(Duration::from_secs(1), both).await.unwrap();
    assert_eq!(ended, (Delivery::Done, Ok(Status::Cancelled)));
    assert_eq!(*world.gateway.cancelled.lock().unwrap(), world.gateway.asked());
    world.check_ended(Status::Cancelled).await;
    assert_eq!(world.doc().await.state.reason(), Some("no longer needed"));

    let before = world.snapshot();
    assert_eq!(world.engine.cancel(&world.task, "again").await, Ok(Status::Cancelled));
    world.run().await;
    assert_eq!(world.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_whose_answer_is_lost_happens_once() {
    for fault in [Fault::Conflict, Fault::UnavailableBefore, Fault::UnavailableAfter] {
        let world = World::new().await;
        world.documents.fail_commit(1, fault);
        assert_eq!(
            world.engine.cancel(&world.task, "no longer needed").await,
            Ok(Status::Cancelled)
        );
        world.check_ended(Status::Cancelled).await;
        assert_eq!(world.kinds(), [EventKind::TaskStarted, EventKind::TaskCancelled]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_racing_any_commit_ends_once() {
    let undisturbed = World::new().await;
    let before = undisturbed.documents.commits();
    undisturbed.run().await;
    let commits = undisturbed.documents.commits() - before;
    let mut ends = BTreeSet::new();
    // The cancel overtakes every seventh commit of the run, and each of the last ones.
    for nth in (1..=commits).filter(|nth| nth % 7 == 0 || nth + 4 > commits) {
        let world = World::new().await;
        world.documents.fail_commit(nth, Fault::Slow(Duration::from_secs(2)));
        let cancel = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.engine.cancel(&world.task, "no longer needed").await.unwrap()
        };
        let ((), status) = tokio::join!(world.run(), cancel);
        world.check_ended(status).await;
        assert_eq!(world.wakes(), []);
        ends.insert(status.as_str());
    }
    assert_eq!(ends, BTreeSet::from(["cancelled", "completed"]));
}

#[tokio::test(start_paused = true)]
async fn a_completion_whose_answer_is_lost_is_ones_own() {
    let undisturbed = World::new().await;
    let before = undisturbed.documents.commits();
    undisturbed.run().await;
    let commits = undisturbed.documents.commits() - before;
    // The last commits are the report, the completion and the grant's flush.
    for nth in commits - 3..=commits {
        let world = World::new().await;
        world.documents.fail_commit(nth, Fault::UnavailableAfter);
        world.run().await;
        world.check_ended(Status::Completed).await;
        assert_eq!(world.kinds(), undisturbed.kinds(), "commit {nth} of {commits}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_parked_task_can_be_redriven() {
    let world = World::new().await;
    assert!(matches!(world.engine.redrive(&world.task).await, Err(Error::WrongState(_))));
    world.engine.park(&world.task, "delivered in vain").await.unwrap();
    // Parking again, as a repeated dead letter does, changes nothing.
    let before = world.snapshot();
    world.engine.park(&world.task, "delivered in vain").await.unwrap();
    assert_eq!(world.snapshot(), before);
    world.run().await;
    assert_eq!(world.status().await, Status::Parked);
    assert_eq!(world.engine.redrive(&world.task).await, Ok(Status::Queued));
    world.run().await;
    world.check_ended(Status::Completed).await;
}

#[tokio::test(start_paused = true)]
async fn the_kill_switch_cancels_every_task_of_a_business() {
    let world = World::new().await;
    let other = BusinessId::new("other").unwrap();
    assert_eq!(world.engine.cancel_all(Some(&other), "stop").await, Ok(0));
    assert_eq!(world.engine.cancel_all(Some(&acme()), "stop").await, Ok(1));
    world.check_ended(Status::Cancelled).await;
}

#[tokio::test(start_paused = true)]
async fn takes_over_a_dead_processs_work_at_startup() {
    let world = World::new().await;
    world.gateway.script([Scripted::Hang]);
    world.run_and_die().await;
    world.engine.take_over().await.unwrap();
    world.run().await;
    world.check_ended(Status::Completed).await;
}
