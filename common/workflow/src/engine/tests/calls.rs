//! The calls of a run to the gateway, and how it handles errors.

use domain::task::{LEASE_SECONDS, MAX_ATTEMPTS, WAKE_AFTER_LEASE_SECONDS};
use testkit::{Access, Fault};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_next_worker_repeats_a_dead_workers_call() {
    let world = World::new().await;
    world.gateway.script([Scripted::Hang]);
    world.run_and_die().await;
    world.sweep_after(LEASE_SECONDS + WAKE_AFTER_LEASE_SECONDS).await;
    world.run().await;
    world.check_ended(Status::Completed).await;
    let asked = world.gateway.asked();
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[1..].len(), asked[1..].iter().collect::<BTreeSet<_>>().len());
}

#[tokio::test(start_paused = true)]
async fn a_stored_answer_is_never_asked_for_again() {
    // The worker dies at one of its first commits: claims, intents, answers, publications.
    for nth in [1, 3, 4, 5, 8, 9] {
        let world = World::new().await;
        let (phase, wake) = world.wakes().remove(0);
        world.documents.fail_commit(nth, Fault::Slow(Duration::from_secs(3)));
        let died =
            tokio::time::timeout(Duration::from_secs(2), world.engine.handle(phase, &wake)).await;
        let answered: Vec<StepDoc> = world.stored(&crate::documents::steps_collection(&world.task));
        let answered = answered.iter().filter(|step| step.answer.is_some()).count();
        assert!(died.is_err() || world.doc().await.state.phase == Phase::Strategy, "{nth}");

        let asked = world.gateway.asked().len();
        world.sweep_after(LEASE_SECONDS + WAKE_AFTER_LEASE_SECONDS).await;
        world.run().await;
        world.check_ended(Status::Completed).await;
        let all = world.gateway.asked();
        let repeated = all[asked..].iter().filter(|key| all[..asked].contains(key)).count();
        assert_eq!(
            repeated,
            asked - answered,
            "{nth}: only what was not stored is asked for again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_unreadable_answers_park_the_task() {
    let world = World::new().await;
    world.gateway.script(vec![Scripted::Say("no JSON at all"); 100]);
    for _ in 0..MAX_ATTEMPTS {
        world.run().await;
        world.sweep_after(40).await;
    }
    let doc = world.doc().await;
    assert_eq!(
        (doc.state.status(), doc.state.attempt, doc.state.wake_at()),
        (Status::Parked, MAX_ATTEMPTS, None)
    );
    assert!(doc.state.reason().unwrap().contains("no readable answer"));
    assert_eq!(world.events().last().unwrap().event, EventKind::TaskParked);
    // The first question is asked under a new key each time; what was paid stays on the bill.
    let first: Vec<_> =
        world.gateway.asked().into_iter().filter(|key| key.starts_with("evidence-0-r0")).collect();
    let generations: Vec<_> = first.iter().map(|key| key.rsplit('-').next().unwrap()).collect();
    assert_eq!(generations, ["0", "1", "2", "3", "4", "5"]);
    let steps: Vec<StepDoc> = world.stored(&crate::documents::steps_collection(&world.task));
    assert_eq!(steps.iter().map(|step| step.cost).sum::<NanoUsd>(), doc.cost);
    assert_eq!(world.grant().await.grant.free(), NanoUsd::ZERO);

    // By hand it goes on where it was.
    world.gateway.script.lock().unwrap().clear();
    assert_eq!(world.engine.redrive(&world.task).await, Ok(Status::Queued));
    world.run().await;
    world.check_ended(Status::Completed).await;
}

#[tokio::test(start_paused = true)]
async fn waits_under_its_key_for_a_running_call() {
    let world = World::new().await;
    world.gateway.script(vec![Scripted::Fail(GatewayError::InProgress); 3]);
    world.run().await;
    world.check_ended(Status::Completed).await;
    let asked = world.gateway.asked();
    assert!(asked[..4].iter().all(|key| *key == asked[0]) && asked[4] != asked[0]);
}

#[tokio::test(start_paused = true)]
async fn retries_a_failed_call_under_its_key_later() {
    for error in [
        GatewayError::Failed(refusal("all_models_failed")),
        GatewayError::Refused(refusal("a code from the future")),
    ] {
        let world = World::new().await;
        world.gateway.script([Scripted::Fail(error.clone())]);
        world.run().await;
        let state = world.doc().await.state;
        assert_eq!((state.status(), state.attempt), (Status::Queued, 1), "{error}");
        // A wake-up before its time is ignored.
        world
            .engine
            .handle(Phase::Research, &Wake { task_id: world.task.clone(), phase_seq: 1 })
            .await;
        assert_eq!(world.gateway.asked().len(), 1);
        assert_eq!(world.sweep_after(2).await, 1);
        world.run().await;
        world.check_ended(Status::Completed).await;
        let asked = world.gateway.asked();
        assert_eq!(asked[0], asked[1], "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_redriven_by_hand_uses_a_new_key() {
    let world = World::new().await;
    let lost = Scripted::Fail(GatewayError::Failed(refusal("outcome_unknown")));
    world.gateway.script(vec![lost; MAX_ATTEMPTS as usize]);
    for _ in 0..MAX_ATTEMPTS {
        world.run().await;
        world.sweep_after(40).await;
    }
    assert_eq!(world.status().await, Status::Parked);
    world.engine.redrive(&world.task).await.unwrap();
    world.run().await;
    world.check_ended(Status::Completed).await;
    let asked = world.gateway.asked();
    assert!(asked[..6].iter().all(|key| *key == asked[0]));
    let question = asked[0].strip_suffix("-0").unwrap();
    assert_eq!(asked[6], format!("{question}-1"));
}

#[tokio::test(start_paused = true)]
async fn a_task_refused_by_budget_parks_without_a_grant() {
    for (code, resets_at) in [
        ("daily_budget_exceeded", "2026-11-30T00:00:00.000Z"),
        ("monthly_budget_exceeded", "2026-12-01T00:00:00.000Z"),
    ] {
        let world = World::new().await;
        world.gateway.script([Scripted::Fail(GatewayError::Refused(refusal(code)))]);
        world.run().await;
        let state = world.doc().await.state;
        assert_eq!(
            (state.status(), state.wake_at()),
            (Status::Parked, Some(resets_at.parse().unwrap()))
        );
        assert_eq!(world.day().await.reserved, NanoUsd::ZERO);
        assert!(world.kinds().ends_with(&[EventKind::BudgetBlocked, EventKind::TaskParked]));

        world.clock.set(resets_at.parse().unwrap());
        assert_eq!(world.sweep_after(-1).await, 0);
        assert_eq!(world.sweep_after(1).await, 1);
        world.run().await;
        assert_eq!(world.status().await, Status::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_that_no_reset_lifts_wait_for_a_person() {
    for code in ["task_budget_exceeded", "subscription_inactive", "model_tier_restricted"] {
        let world = World::new().await;
        world.gateway.script([Scripted::Fail(GatewayError::Refused(refusal(code)))]);
        world.run().await;
        let state = world.doc().await.state;
        assert_eq!((state.status(), state.wake_at()), (Status::Parked, None), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_kill_switch_ends_a_running_task() {
    let world = World::new().await;
    world.gateway.script([Scripted::Fail(GatewayError::Refused(refusal("emergency_shutdown")))]);
    world.run().await;
    world.check_ended(Status::Cancelled).await;
}

#[tokio::test(start_paused = true)]
async fn random_faults_lose_repeat_and_reorder_nothing() {
    for seed in 1..=5u64 {
        let world = World::new().await;
        let mut state = seed;
        world.documents.fail_when(move |access| {
            // A linear congruence is random enough for one access in ten.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let is_commit = matches!(access, Access::Commit(_));
            match (state >> 33) % 40 {
                0 if !is_commit => Some(Fault::UnavailableBefore),
                1 | 2 if is_commit => Some(Fault::UnavailableAfter),
                3 if is_commit => Some(Fault::UnavailableBefore),
                4 if is_commit => Some(Fault::Conflict),
                _ => None,
            }
        });
        for _ in 0..100 {
            world.run().await;
            world.clock.advance_seconds(40);
            let _ = world.engine.sweep().await;
            let _ = world.engine.ledger().sweep().await;
            let _ = world.engine.redrive(&world.task).await;
        }
        world.documents.heal();
        world.sweep_after(400).await;
        world.engine.ledger().sweep().await.unwrap();
        world.check_ended(Status::Completed).await;
        let steps: Vec<StepDoc> = world.stored(&crate::documents::steps_collection(&world.task));
        let keys: BTreeSet<String> = world.gateway.asked().into_iter().collect();
        let doc = world.doc().await;
        assert_eq!(steps.iter().map(|step| step.cost).sum::<NanoUsd>(), doc.cost, "seed {seed}");
        assert_eq!(doc.cost, PRICE.scaled(i64::try_from(keys.len()).unwrap(), 1), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_outage_never_parks_a_task() {
    let world = World::new().await;
    let away = Scripted::Fail(GatewayError::Unavailable("nobody listens".into()));
    world.gateway.script(vec![away; 20]);
    for _ in 0..20 {
        world.run().await;
        assert_eq!(world.status().await, Status::Queued);
        assert_eq!(world.sweep_after(domain::task::OUTAGE_SECONDS).await, 1);
    }
    world.run().await;
    world.check_ended(Status::Completed).await;
}
