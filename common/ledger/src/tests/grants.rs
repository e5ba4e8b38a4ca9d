//! A task's money: opened, topped up, given back, closed.

use std::time::Duration;

use domain::budget::{GrantState, RefusalCode};
use testkit::Fault;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_closing_grant_closes_with_its_last_settle() {
    let world = World::new().await;
    world.grant(&task("t"), cents(100), None).await;
    let call = world.open(&world.asked("a", Some(&task("t")), cents(40))).await;
    assert_eq!(world.money().await, (cents(0), cents(100)));

    world.close(&task("t")).await;
    world.ledger.flush_grant(&task("t")).await.unwrap();
    assert_eq!(world.money().await, (cents(0), cents(40)));

    assert!(world.settle(&call, &done(cents(25))).await);
    let grant = world.ledger.grant(&task("t")).await.unwrap();
    assert_eq!((grant.grant.state, grant.sweep_at), (GrantState::Closed, None));
    assert_eq!(world.money().await, (cents(25), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_over_opens_no_calls() {
    let world = World::new().await;
    world.grant(&task("t"), cents(100), None).await;
    let mut live = world.open(&world.asked("a", Some(&task("t")), cents(10))).await;
    world.close(&task("t")).await;
    let account = world.account().await;
    let late = world.asked("b", Some(&task("t")), cents(10));
    assert!(matches!(world.ledger.open_call(&account, &late).await, Err(Error::WrongState(_))));
    let covered = world.ledger.cover(&account, &mut live, cents(10), cents(10)).await;
    assert!(matches!(covered, Err(Error::WrongState(_))));
    world.settle(&live, &done(cents(10))).await;
    assert!(matches!(world.ledger.open_call(&account, &late).await, Err(Error::WrongState(_))));
    assert_eq!(world.money().await, (cents(10), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn the_sweep_closes_a_grant_whose_task_is_over() {
    let world = World::new().await;
    for id in ["over", "waiting"] {
        world.grant(&task(id), cents(100), None).await;
    }
    let over =
        Write::merge(task_key(&task("over")), Precondition::Exists).set("status", "completed");
    world.documents.commit(vec![over]).await.unwrap();
    world.clock.advance_seconds(301);
    world.ledger.sweep().await.unwrap();
    let state = async |id| world.ledger.grant(&task(id)).await.unwrap().grant.state;
    assert_eq!(
        (state("over").await, state("waiting").await),
        (GrantState::Closed, GrantState::Open)
    );
    assert_eq!(world.money().await, (cents(0), cents(100)));
}

#[tokio::test(start_paused = true)]
async fn only_one_of_two_tasks_gets_the_last_dollar() {
    let world = World::new().await;
    for id in ["t1", "t2"] {
        world.grant(&task(id), cents(450), None).await;
    }
    let account = world.account().await;
    let (first, second) = (world.elsewhere(), world.elsewhere());
    let asked = ["t1", "t2"].map(|id| world.asked("a", Some(&task(id)), cents(550)));
    let opened =
        tokio::join!(first.open_call(&account, &asked[0]), second.open_call(&account, &asked[1]));
    world.check_limits();
    let refusals: Vec<_> = [opened.0, opened.1].into_iter().filter_map(Result::err).collect();
    let [Error::Refused(refusal)] = refusals.as_slice() else {
        panic!("one is refused: {refusals:?}")
    };
    assert_eq!(refusal.code, RefusalCode::DailyBudgetExceeded);
    assert_eq!(world.money().await, (cents(0), cents(1_000)));
}

#[tokio::test(start_paused = true)]
async fn a_resumed_task_gets_its_grant_topped_up() {
    let world = World::new().await;
    world.grant(&task("t"), cents(100), None).await;
    let call = world.open(&world.asked("a", Some(&task("t")), cents(40))).await;
    world.settle(&call, &done(cents(30))).await;
    world.ledger.return_free(&task("t")).await.unwrap();
    assert_eq!(world.money().await, (cents(30), cents(0)));

    let call = world.open(&world.asked("b", Some(&task("t")), cents(40))).await;
    assert_eq!(world.money().await, (cents(30), cents(40)));
    world.settle(&call, &done(cents(10))).await;
    world.close(&task("t")).await;
    world.ledger.flush_grant(&task("t")).await.unwrap();
    assert_eq!(world.money().await, (cents(40), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn the_sweep_takes_back_what_a_parked_task_kept() {
    let world = World::new().await;
    world.grant(&task("t"), cents(100), None).await;
    let call = world.open(&world.asked("a", Some(&task("t")), cents(40))).await;
    world.settle(&call, &done(cents(30))).await;
    // The worker that parked it could not give the money back.
    let parked = Write::merge(task_key(&task("t")), Precondition::Exists).set("status", "parked");
    world.documents.commit(vec![parked]).await.unwrap();
    world.clock.advance_seconds(301);
    world.ledger.sweep().await.unwrap();
    assert_eq!(world.money().await, (cents(30), cents(0)));
    assert_eq!(world.ledger.grant(&task("t")).await.unwrap().grant.state, GrantState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_task_resumes_despite_an_overrun() {
    // Before and after the overrun was booked.
    for is_booked in [false, true] {
        let world = World::new().await;
        world.grant(&task("t"), cents(50), None).await;
        let call = world.open(&world.asked("a", Some(&task("t")), cents(50))).await;
        world.settle(&call, &done(cents(70))).await;
        if is_booked {
            world.ledger.flush_grant(&task("t")).await.unwrap();
        }
        let call = world.open(&world.asked("b", Some(&task("t")), cents(30))).await;
        world.settle(&call, &done(cents(30))).await;
        world.close(&task("t")).await;
        world.ledger.flush_grant(&task("t")).await.unwrap();
        assert_eq!(world.money().await, (cents(100), cents(0)), "booked: {is_booked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_correction_frees_no_money_that_others_hold() {
    // The correction meets the grant open, parked or closed; a direct call holds money beside it
    // all the time.
    for end in ["open", "parked", "closed"] {
        let world = World::new().await;
        world.grant(&task("t"), cents(50), None).await;
        let asked = world.asked("a", Some(&task("t")), cents(50));
        let call = world.open(&asked).await;
        world.clock.advance_seconds(61);
        let other = world.open(&world.asked("other", None, cents(200))).await;
        world.ledger.sweep().await.unwrap();
        assert_eq!(world.money().await, (cents(50), cents(200)));
        match end {
            "parked" => drop(world.ledger.return_free(&task("t")).await.unwrap()),
            "closed" => {
                world.close(&task("t")).await;
                world.ledger.flush_grant(&task("t")).await.unwrap();
            }
            _ => {}
        }
        assert!(world.settle(&call, &done(cents(20))).await);
        world.ledger.return_free(&task("t")).await.unwrap();
        assert_eq!(world.money().await, (cents(20), cents(200)), "{end}");
        world.settle(&other, &done(cents(200))).await;
        world.close(&task("t")).await;
        world.ledger.flush_grant(&task("t")).await.unwrap();
        assert_eq!(world.money().await, (cents(220), cents(0)), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_never_costs_more_than_its_client_allowed() {
    let world = World::new().await;
    world.grant(&task("t"), cents(500), Some(cents(100))).await;
    // The grant itself is no larger than the limit.
    assert_eq!(world.money().await, (cents(0), cents(100)));
    let account = world.account().await;
    let mut call = world.open(&world.asked("a", Some(&task("t")), cents(60))).await;
    let refused =
        world.ledger.open_call(&account, &world.asked("b", Some(&task("t")), cents(41))).await;
    let Err(Error::Refused(refusal)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(
        (refusal.code, refusal.remaining),
        (RefusalCode::TaskBudgetExceeded, Some(cents(40)))
    );
    let covered = world.ledger.cover(&account, &mut call, cents(60), cents(60)).await;
    assert!(matches!(covered, Err(Error::Refused(_))));
    world.settle(&call, &done(cents(60))).await;
    // The client's own limit is no shortage of the business's budget: nobody is warned.
    assert!(world.stored::<NoticeDoc>("notices").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_top_up_moves_nothing_after_the_close() {
    // Whichever is first has its commit delayed: once the close overtakes the top-up, once the
    // other way round.
    for is_close_first in [true, false] {
        let world = World::new().await;
        world.grant(&task("t"), cents(10), None).await;
        let (account, asked) =
            (world.account().await, world.asked("a", Some(&task("t")), cents(50)));
        world.documents.fail_commit(1, Fault::Slow(Duration::from_millis(500)));
        let late = tokio::time::sleep(Duration::from_millis(100));
        let opened = if is_close_first {
            let open = async { (late.await, world.ledger.open_call(&account, &asked).await).1 };
            futures::future::join(world.close(&task("t")), open).await.1
        } else {
            let close = async { (late.await, world.close(&task("t")).await).1 };
            futures::future::join(world.ledger.open_call(&account, &asked), close).await.0
        };
        match opened {
            // A close without a version stands in any case; the call that came before it settles
            // inside.
            Ok(Opened::New(call)) => assert!(world.settle(&call, &done(cents(40))).await),
            other => assert!(matches!(other, Err(Error::WrongState(_))), "{other:?}"),
        }
        world.ledger.flush_grant(&task("t")).await.unwrap();
        let (spent, reserved) = world.money().await;
        let charged: NanoUsd =
            world.stored::<CallDoc>("calls").iter().map(|call| call.charged).sum();
        assert_eq!((spent, reserved), (charged, cents(0)), "close first: {is_close_first}");
    }
}

#[tokio::test(start_paused = true)]
async fn grants_book_in_the_period_that_granted_them() {
    let world = World::at("2026-11-30T23:59:50Z").await;
    world.grant(&task("t"), cents(50), None).await;
    // Held partly from the old month's grant, partly from a top-up of the new one, and settled in
    // the new one.
    world.clock.advance_seconds(20);
    let call = world.open(&world.asked("a", Some(&task("t")), cents(80))).await;
    assert_eq!(world.counter("2026-12").await.reserved, cents(30));
    world.clock.advance_seconds(24 * 3_600);
    world.settle(&call, &done(cents(60))).await;
    world.close(&task("t")).await;
    world.ledger.flush_grant(&task("t")).await.unwrap();
    let booked = world.booked(["2026-11-30", "2026-11", "2026-12-01", "2026-12"]).await;
    assert_eq!(
        booked,
        [
            (cents(50), cents(0)),
            (cents(50), cents(0)),
            (cents(10), cents(0)),
            (cents(10), cents(0))
        ]
    );
}
