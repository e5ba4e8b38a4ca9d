//! Wake-ups that are repeated, late or lost; leases that end; sweeps.

use domain::task::{LEASE_SECONDS, WAKE_AFTER_LEASE_SECONDS, WAKE_AFTER_PUBLISH_SECONDS};
use serde_json::json;
use testkit::Fault;

use super::*;

#[tokio::test(start_paused = true)]
async fn an_analysis_runs_from_wake_up_to_report() {
    let world = World::new().await;
    world.run().await;
    world.check_ended(Status::Completed).await;
    let doc = world.doc().await;
    assert_eq!((doc.percent, doc.steps_done.len()), (100, 16));
    let asked = world.gateway.asked();
    assert_eq!(asked.len(), asked.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(doc.cost, PRICE.scaled(i64::try_from(asked.len()).unwrap(), 1));
}

#[tokio::test(start_paused = true)]
async fn repeated_and_late_wake_ups_change_nothing() {
    let undisturbed = World::new().await;
    undisturbed.run().await;

    let world = World::new().await;
    let mut seen: Vec<(Phase, Wake)> = Vec::new();
    loop {
        let wakes = world.wakes();
        if wakes.is_empty() {
            break;
        }
        for (phase, wake) in wakes {
            seen.push((phase, wake));
            // The new one, then every one there ever was.
            for (phase, wake) in seen.iter().rev() {
                assert_eq!(world.engine.handle(*phase, wake).await, Delivery::Done);
            }
        }
        seen.dedup();
    }
    world.check_ended(Status::Completed).await;
    assert_eq!(world.kinds(), undisturbed.kinds());
    assert_eq!(world.gateway.asked(), undisturbed.gateway.asked());
}

#[tokio::test(start_paused = true)]
async fn a_lost_wake_up_costs_time_only() {
    let world = World::new().await;
    world.wakes();
    assert_eq!(world.sweep_after(WAKE_AFTER_PUBLISH_SECONDS - 1).await, 0);
    assert_eq!(world.sweep_after(1).await, 1);
    // The sweep's own wake-up is lost as well, and not repeated before its time.
    world.wakes();
    assert_eq!(world.sweep_after(0).await, 0);
    assert_eq!(world.sweep_after(WAKE_AFTER_PUBLISH_SECONDS).await, 1);
    world.run().await;
    world.check_ended(Status::Completed).await;
}

#[tokio::test(start_paused = true)]
async fn the_sweep_publishes_wake_ups_the_bus_refused() {
    let world = World::new().await;
    let (phase, wake) = world.wakes().remove(0);
    world.bus.fail_next(usize::MAX);
    assert_eq!(world.engine.handle(phase, &wake).await, Delivery::Done);
    world.bus.fail_next(0);
    assert_eq!((world.doc().await.state.phase, world.wakes()), (Phase::Strategy, Vec::new()));
    assert_eq!(world.sweep_after(WAKE_AFTER_PUBLISH_SECONDS).await, 1);
    world.run().await;
    world.check_ended(Status::Completed).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_workers_that_claim_a_task_one_wins() {
    for nth in 1..=2 {
        let world = World::new().await;
        world.gateway.script([Scripted::Hang]);
        let (phase, wake) = world.wakes().remove(0);
        world.documents.fail_commit(nth, Fault::Slow(Duration::from_millis(100)));
        let other = world.engine.clone();
        let both =
            async { tokio::join!(world.engine.handle(phase, &wake), other.handle(phase, &wake)) };
        assert!(tokio::time::timeout(Duration::from_secs(1), both).await.is_err());
        assert_eq!((world.doc().await.state.fence, world.gateway.asked().len()), (1, 1));
        world.events();
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_ones_own() {
    let world = World::new().await;
    world.documents.fail_commit(1, Fault::UnavailableAfter);
    world.run().await;
    world.check_ended(Status::Completed).await;
    // One claim a phase, then the end.
    assert_eq!(world.doc().await.state.fence, 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_takeover_the_old_holder_cannot_write() {
    let world = World::new().await;
    let (phase, wake) = world.wakes().remove(0);
    let old = world.engine.claim(phase, &wake).await.unwrap().unwrap();
    assert!(world.engine.claim(phase, &wake).await.unwrap().is_none());
    world.clock.advance_seconds(LEASE_SECONDS);
    let new = world.engine.claim(phase, &wake).await.unwrap().unwrap();

    let before = world.snapshot();
    for _ in 0..2 {
        assert_eq!(old.report(EventKind::ResearchProgress, json!({})).await, Err(RunError::Lost));
    }
    let advance = |doc: &mut TaskDoc, now| {
        doc.state = doc.state.advance(Phase::Strategy, now);
        Vec::new()
    };
    assert_eq!(old.commit(advance, Vec::new()).await, Err(RunError::Lost));
    assert_eq!(world.snapshot(), before);
    assert_eq!(new.report(EventKind::ResearchProgress, json!({})).await, Ok(()));
    world.events();
}

#[tokio::test(start_paused = true)]
async fn a_stray_heartbeat_is_not_mistaken_for_the_advance() {
    let world = World::new().await;
    let (phase, wake) = world.wakes().remove(0);
    let run = world.engine.claim(phase, &wake).await.unwrap().unwrap();
    let (mut beaten, version) = world.engine.read_task(&world.task).await.unwrap();
    beaten.state = beaten.state.heartbeat(world.clock.now());
    beaten.commits += 1;
    let write = ports::Write::replace(task_key(&world.task), version, &beaten).unwrap();
    world.documents.commit(vec![write]).await.unwrap();

    let advance = |doc: &mut TaskDoc, now| {
        doc.state = doc.state.advance(Phase::Strategy, now);
        Vec::new()
    };
    run.commit(advance, Vec::new()).await.unwrap();
    let state = world.doc().await.state;
    assert_eq!(
        (state.status(), state.phase, state.phase_seq),
        (Status::Queued, Phase::Strategy, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_after_a_lost_answer_repeats_nothing() {
    let world = World::new().await;
    let (phase, wake) = world.wakes().remove(0);
    let run = world.engine.claim(phase, &wake).await.unwrap().unwrap();
    // The holder outlived its lease, but nobody took the task yet.
    world.clock.advance_seconds(LEASE_SECONDS + WAKE_AFTER_LEASE_SECONDS);
    world.documents.fail_commit(1, Fault::UnavailableAfter);
    // The holder reads back after the sweep's commit.
    let swept = async { (tokio::task::yield_now().await, world.engine.sweep().await).1 };
    let (reported, swept) = tokio::join!(run.report(EventKind::ResearchProgress, json!({})), swept);
    assert_eq!((reported, swept), (Ok(()), Ok(1)));
    assert_eq!(world.doc().await.last_seq, 3);
    world.events();
}

#[tokio::test(start_paused = true)]
async fn the_sweep_wakes_only_due_tasks_without_holder() {
    let world = World::new().await;
    world.gateway.script([Scripted::Hang]);
    world.run_and_die().await;
    assert_eq!(world.sweep_after(LEASE_SECONDS - 1).await, 0);
    assert_eq!(world.sweep_after(WAKE_AFTER_LEASE_SECONDS + 1).await, 1);
    world.run().await;
    world.check_ended(Status::Completed).await;
    assert_eq!(world.sweep_after(24 * 3_600).await, 0);

    let parked = World::new().await;
    parked.engine.park(&parked.task, "delivered in vain").await.unwrap();
    assert_eq!(parked.sweep_after(24 * 3_600).await, 0);
    assert_eq!(parked.grant().await.grant.free(), NanoUsd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_submits_one_task() {
    let world = World::new().await;
    let account = world.engine.ledger().admit(&acme()).await.unwrap();
    let again = world.engine.submit(&account, &submission()).await.unwrap();
    assert_eq!(again.task, world.task);
    let other = Submission { max_cost: Some(NanoUsd::from_dollars(9)), ..submission() };
    assert_eq!(world.engine.submit(&account, &other).await, Err(Error::KeyReused));
    assert_eq!(world.stored::<TaskDoc>("tasks").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_timeline_names_each_lease_holder_and_its_end() {
    let world = World::new().await;
    world.gateway.script([Scripted::Hang]);
    world.run_and_die().await;
    world.gateway.script([Scripted::Fail(GatewayError::Failed(refusal("all_models_failed")))]);
    world.sweep_after(71).await;
    world.run().await;
    world.sweep_after(40).await;
    world.run().await;
    let trace = world.engine.trace(&world.task).await.unwrap();
    let holders: Vec<_> =
        trace.iter().filter(|entry| entry.kind == "holder").map(|entry| &entry.detail).collect();
    let ends: Vec<_> =
        holders.iter().map(|it| (it["became"].as_str().unwrap(), it["reason"].as_str())).collect();
    assert_eq!(ends[0], ("running", Some("its lease ran out")));
    assert!(ends[1].0 == "queued" && ends[1].1.unwrap().contains("all_models_failed"), "{ends:?}");
    // Then one for each of the four phases.
    assert_eq!(
        ends[2..],
        [("queued", None), ("queued", None), ("queued", None), ("completed", None)]
    );
    let fences: Vec<_> = holders.iter().map(|it| it["fence"].as_u64().unwrap()).collect();
    assert!(fences.is_sorted(), "{fences:?}");
}
