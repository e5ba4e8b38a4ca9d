//! One call: opened again, settled against the sweep, corrected late.

use std::time::Duration;

use domain::budget::MAX_PAID_TRIES;
use testkit::Fault;

use super::*;
use crate::documents::Background;

/// Longer than the sweep waits for a silent owner.
const SILENCE_SECONDS: i64 = 61;

#[tokio::test(start_paused = true)]
async fn a_finished_call_is_answered_from_the_store_unpaid() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let call = world.open(&asked).await;
    world.settle(&call, &done(cents(30))).await;
    let before = world.snapshot();
    let again = world.ledger.open_call(&world.account().await, &asked).await.unwrap();
    assert_eq!(again, Opened::Stored(Answer("the answer".into())));
    assert_eq!(world.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_reserved_call_is_somebody_elses_to_make() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    world.open(&asked).await;
    // Even long past its time only the sweep may end the hold.
    world.clock.advance_seconds(3_600);
    assert_eq!(
        world.elsewhere().open_call(&world.account().await, &asked).await,
        Ok(Opened::Running)
    );
    assert_eq!(world.money().await, (cents(0), cents(50)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_may_be_repeated_without_limit() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    for _ in 0..=MAX_PAID_TRIES {
        let call = world.open(&asked).await;
        world.settle(&call, &settled(CallState::Failed, cents(0), None)).await;
        assert_eq!(world.money().await, (cents(0), cents(0)));
    }
    let call = world.open(&asked).await;
    world.settle(&call, &done(cents(30))).await;
    let stored = world.call(&asked).await;
    assert_eq!((stored.paid_tries, stored.attempts.len(), stored.charged), (1, 4, cents(30)));
}

#[tokio::test(start_paused = true)]
async fn pays_a_call_with_unknown_outcome_at_most_twice() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    for _ in 0..MAX_PAID_TRIES {
        let call = world.open(&asked).await;
        world.settle(&call, &settled(CallState::Unknown, cents(50), None)).await;
    }
    assert_eq!(world.ledger.open_call(&world.account().await, &asked).await, Err(Error::Exhausted));
    assert_eq!(
        (world.money().await, world.call(&asked).await.charged),
        ((cents(100), cents(0)), cents(100))
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_request() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let other = OpenCall { request_hash: "another prompt".into(), ..asked.clone() };
    let call = world.open(&asked).await;
    assert_eq!(world.ledger.open_call(&world.account().await, &other).await, Err(Error::KeyReused));
    world.settle(&call, &done(cents(30))).await;
    assert_eq!(world.ledger.open_call(&world.account().await, &other).await, Err(Error::KeyReused));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_separate_per_business_and_task() {
    let world = World::new().await;
    let other = BusinessId::new("other").unwrap();
    world.subscribe(&other, Tier::Basic).await;
    world.grant(&task("t"), cents(100), None).await;
    let ours = world.asked("a", None, cents(50));
    world.open(&ours).await;
    world.open(&world.asked("a", Some(&task("t")), cents(50))).await;

    let theirs = OpenCall { id: CallId::derive(&other, "client", "a", 0), ..ours.clone() };
    let account = world.ledger.admit(&other).await.unwrap();
    assert!(matches!(world.ledger.open_call(&account, &theirs).await, Ok(Opened::New(_))));
    assert_eq!(world.stored::<CallDoc>("calls").len(), 3);
    assert!(matches!(world.ledger.call(&other, &ours.id).await, Err(Error::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn a_grant_pays_for_its_own_business_only() {
    let world = World::new().await;
    let other = BusinessId::new("other").unwrap();
    world.subscribe(&other, Tier::Basic).await;
    world.grant(&task("t"), cents(100), None).await;
    let account = world.ledger.admit(&other).await.unwrap();
    let asked = world.asked("a", Some(&task("t")), cents(50));
    assert!(matches!(world.ledger.open_call(&account, &asked).await, Err(Error::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_call_is_charged_at_its_bound_once() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    world.open(&asked).await;
    assert_eq!(world.ledger.sweep().await.unwrap().calls, 0);
    world.clock.advance_seconds(SILENCE_SECONDS);
    assert_eq!(world.ledger.sweep().await.unwrap().calls, 1);
    assert_eq!(world.ledger.sweep().await.unwrap().calls, 0);
    let stored = world.call(&asked).await;
    assert_eq!(
        (stored.state, stored.charged, stored.paid_tries),
        (CallState::Unknown, cents(50), 1)
    );
    assert_eq!(world.money().await, (cents(50), cents(0)));
}

/// A call that went to the background and whose owner then fell silent until the sweep charged it.
async fn adrift(world: &World) -> (OpenCall, OpenedCall, Background) {
    let asked = world.asked("a", None, cents(50));
    let mut call = world.open(&asked).await;
    let (provider, model, id) = ("openai".into(), "gpt-5-mini".into(), "resp_1".into());
    let background = Background { provider, model, id, bound: cents(50), earlier: Vec::new() };
    world.ledger.note_background(&mut call, Some(&background)).await.unwrap();
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.sweep().await.unwrap();
    (asked, call, background)
}

#[tokio::test(start_paused = true)]
async fn looks_for_a_background_call_before_paying_again() {
    let world = World::new().await;
    let (asked, call, background) = adrift(&world).await;
    assert_eq!(world.money().await, (cents(50), cents(0)));

    let Opened::Adrift(found) =
        world.ledger.open_call(&world.account().await, &asked).await.unwrap()
    else {
        panic!("paid again without a look");
    };
    assert_eq!(found.background(), Some(&background));
    assert!(world.settle(&found, &done(cents(30))).await);
    assert_eq!(world.money().await, (cents(30), cents(0)), "the charge is corrected");
    assert!(world.settle(&call, &done(cents(30))).await, "its owner was slow, not dead");
    assert_eq!(world.money().await, (cents(30), cents(0)));
    let again = world.ledger.open_call(&world.account().await, &asked).await;
    assert!(matches!(again, Ok(Opened::Stored(_))));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_finds_is_paid_once_more() {
    let world = World::new().await;
    let (asked, ..) = adrift(&world).await;
    let anew = OpenCall { look_first: false, ..asked };
    assert!(matches!(
        world.ledger.open_call(&world.account().await, &anew).await,
        Ok(Opened::New(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_keeps_alive_keeps_its_call() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let call = world.open(&asked).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    let alive = world.ledger.keep_alive(&call.id, call.holder());
    assert!(tokio::time::timeout(Duration::from_secs(16), alive).await.is_err());
    assert_eq!(world.ledger.sweep().await.unwrap().calls, 0);
    assert!(world.settle(&call, &done(cents(30))).await);
    assert_eq!(world.money().await, (cents(30), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn a_settle_racing_the_sweep_books_once() {
    // Two processes, so that neither waits for the other's turn. Whoever is first has its commit
    // delayed and loses.
    for is_settle_first in [true, false] {
        for with_task in [true, false] {
            let world = World::new().await;
            let payer = with_task.then(|| task("t"));
            if with_task {
                world.grant(&task("t"), cents(100), None).await;
            }
            let asked = world.asked("a", payer.as_ref(), cents(50));
            let call = world.open(&asked).await;
            world.clock.advance_seconds(SILENCE_SECONDS);
            let (sweeper, account) = (world.elsewhere(), world.account().await);
            world.documents.fail_commit(1, Fault::Slow(Duration::from_millis(500)));
            let settlement = done(cents(30));
            let late = tokio::time::sleep(Duration::from_millis(100));
            let stored = if is_settle_first {
                let sweep = async { (late.await, sweeper.sweep().await).1 };
                tokio::join!(world.ledger.settle(&account, &call, &settlement), sweep).0
            } else {
                let settle = async {
                    (late.await, world.ledger.settle(&account, &call, &settlement).await).1
                };
                tokio::join!(settle, sweeper.sweep()).0
            };
            assert_eq!(stored, Ok(true));
            let stored = world.call(&asked).await;
            assert_eq!(
                (stored.state, stored.charged, stored.paid_tries),
                (CallState::Done, cents(30), 1)
            );
            if with_task {
                world.close(&task("t")).await;
                world.ledger.flush_grant(&task("t")).await.unwrap();
            }
            assert_eq!(
                world.money().await,
                (cents(30), cents(0)),
                "settle first: {is_settle_first}, task: {with_task}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_settle_corrects_charge_and_stores_the_answer() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let call = world.open(&asked).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.sweep().await.unwrap();
    assert!(world.settle(&call, &done(cents(20))).await);
    assert_eq!(world.money().await, (cents(20), cents(0)));
    let again = world.ledger.open_call(&world.account().await, &asked).await;
    assert_eq!(again, Ok(Opened::Stored(Answer("the answer".into()))));
}

#[tokio::test(start_paused = true)]
async fn a_late_settle_after_a_takeover_changes_nothing() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let silent = world.open(&asked).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.sweep().await.unwrap();
    let second = world.open(&asked).await;
    assert!(!world.settle(&silent, &done(cents(20))).await);
    assert!(world.settle(&second, &done(cents(30))).await);
    // The first try's bound stays charged: what became of it is not known to the ledger.
    assert_eq!(world.money().await, (cents(80), cents(0)));
    assert_eq!(world.call(&asked).await.charged, cents(80));
}

#[tokio::test(start_paused = true)]
async fn books_and_marks_a_cost_above_its_hold() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let call = world.open(&asked).await;
    world.settle(&call, &done(cents(60))).await;
    assert!(world.call(&asked).await.overrun);
    assert_eq!(world.money().await, (cents(60), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn refuses_to_raise_a_call_the_sweep_ended() {
    let world = World::new().await;
    let mut call = world.open(&world.asked("a", None, cents(50))).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.sweep().await.unwrap();
    let covered = world.ledger.cover(&world.account().await, &mut call, cents(40), cents(50)).await;
    assert!(matches!(covered, Err(Error::WrongState(_))), "{covered:?}");
    assert_eq!(world.money().await, (cents(50), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn charges_every_attempt_with_unknown_billing_at_its_bound() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let mut call = world.open(&asked).await;
    world.ledger.cover(&world.account().await, &mut call, cents(50), cents(40)).await.unwrap();
    let attempts =
        [cents(50), cents(40)].map(|cost| AttemptDoc { unknown: true, ..attempt(cost) }).into();
    let settlement = Settlement { attempts, ..settled(CallState::Unknown, cents(0), None) };
    assert!(world.settle(&call, &settlement).await);
    assert_eq!(world.money().await, (cents(90), cents(0)));
    let stored = world.call(&asked).await;
    assert_eq!(
        (stored.state, stored.charged, stored.overrun),
        (CallState::Unknown, cents(90), false)
    );
    assert!(stored.attempts.iter().all(|attempt| attempt.unknown));
}

#[tokio::test(start_paused = true)]
async fn a_replaced_owner_cannot_settle_its_successors_call() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let zombie = world.open(&asked).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.sweep().await.unwrap();
    let successor = world.open(&asked).await;
    let waiter = world.elsewhere();
    let waiting = waiter.wait(&asked.id, Duration::from_secs(5));
    let hang_up = async {
        assert!(!world.settle(&zombie, &settled(CallState::Cut, cents(50), None)).await);
        assert!(world.settle(&successor, &done(cents(30))).await);
    };
    assert_eq!(tokio::join!(waiting, hang_up).0, Ok(Some(CallState::Done)));
    assert_eq!(world.money().await, (cents(80), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn refuses_another_prompt_under_a_key_that_ended() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let changed = OpenCall { request_hash: "another prompt".into(), ..asked.clone() };
    for state in [CallState::Failed, CallState::Unknown] {
        let call = world.open(&asked).await;
        let cost = if state == CallState::Failed { cents(0) } else { cents(50) };
        world.settle(&call, &settled(state, cost, None)).await;
        let before = world.snapshot();
        let refused = world.ledger.open_call(&world.account().await, &changed).await;
        assert_eq!((refused, world.snapshot()), (Err(Error::KeyReused), before), "{state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_owner_reports_alive_before_it_pays() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let mut call = world.open(&asked).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.cover(&world.account().await, &mut call, cents(0), cents(50)).await.unwrap();
    assert_eq!(world.ledger.sweep().await.unwrap().calls, 0);
    assert_eq!(world.money().await, (cents(0), cents(50)));
}

#[tokio::test(start_paused = true)]
async fn an_owner_whose_call_was_ended_does_not_pay() {
    let world = World::new().await;
    let asked = world.asked("a", None, cents(50));
    let mut call = world.open(&asked).await;
    world.clock.advance_seconds(SILENCE_SECONDS);
    world.ledger.sweep().await.unwrap();
    let covered = world.ledger.cover(&world.account().await, &mut call, cents(0), cents(50)).await;
    assert!(matches!(covered, Err(Error::WrongState(_))), "{covered:?}");
}
