//! A commit that conflicts, fails or loses its answer stores exactly what an undisturbed one
//! stores.

use testkit::Fault;

use super::*;

/// Lets `act` run undisturbed and once with each fault on its first commit, and compares everything
/// that is stored.
async fn check(prepare: impl AsyncFn(&World), act: impl AsyncFn(&World)) {
    let undisturbed = World::new().await;
    prepare(&undisturbed).await;
    act(&undisturbed).await;
    for fault in [Fault::Conflict, Fault::UnavailableBefore, Fault::UnavailableAfter] {
        let world = World::new().await;
        prepare(&world).await;
        world.documents.fail_commit(1, fault);
        act(&world).await;
        assert_eq!(world.snapshot(), undisturbed.snapshot(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reserve_with_a_lost_answer_holds_once() {
    check(
        async |_| {},
        async |world| {
            let call = world.open(&world.asked("a", None, cents(50))).await;
            assert_eq!(call.hold(), cents(50));
            assert_eq!(world.money().await, (cents(0), cents(50)));
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_raise_with_a_lost_answer_raises_once() {
    // The call is opened under a fault-free store: the fault meets the second commit of the pair.
    for fault in [Fault::Conflict, Fault::UnavailableBefore, Fault::UnavailableAfter] {
        let world = World::new().await;
        let mut call = world.open(&world.asked("a", None, cents(50))).await;
        world.documents.fail_commit(1, fault);
        world.ledger.cover(&world.account().await, &mut call, cents(40), cents(50)).await.unwrap();
        assert_eq!(
            (call.hold(), world.money().await),
            (cents(90), (cents(0), cents(90))),
            "{fault:?}"
        );
        assert!(world.settle(&call, &done(cents(60))).await);
        assert_eq!(world.money().await, (cents(60), cents(0)), "{fault:?}");
    }
}

/// An owner that did not hear of the raise of its hold assumes the smaller hold when it raises
/// again.
#[tokio::test(start_paused = true)]
async fn an_unnoticed_raise_is_not_reserved_again() {
    let world = World::new().await;
    let account = world.account().await;
    let mut call = world.open(&world.asked("a", None, cents(50))).await;
    let mut behind = call.clone();
    world.ledger.cover(&account, &mut call, cents(40), cents(30)).await.unwrap();
    world.ledger.cover(&account, &mut behind, cents(40), cents(50)).await.unwrap();
    assert_eq!((behind.hold(), world.money().await), (cents(90), (cents(0), cents(90))));
}

#[tokio::test(start_paused = true)]
async fn a_settle_whose_answer_is_lost_books_once() {
    for fault in [Fault::Conflict, Fault::UnavailableBefore, Fault::UnavailableAfter] {
        let world = World::new().await;
        let asked = world.asked("a", None, cents(50));
        let call = world.open(&asked).await;
        world.documents.fail_commit(1, fault);
        assert!(world.settle(&call, &done(cents(30))).await, "{fault:?}");
        // A second copy of the settlement changes nothing either.
        let before = world.snapshot();
        assert!(world.settle(&call, &done(cents(30))).await);
        assert_eq!(world.snapshot(), before, "{fault:?}");
        assert_eq!(
            (world.money().await, world.call(&asked).await.paid_tries),
            ((cents(30), cents(0)), 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_whose_answer_is_lost_books_once() {
    let prepare = async |world: &World| {
        world.grant(&task("t"), cents(100), None).await;
        let call = world.open(&world.asked("a", Some(&task("t")), cents(50))).await;
        world.settle(&call, &done(cents(30))).await;
    };
    check(prepare, async |world| {
        world.ledger.flush_grant(&task("t")).await.unwrap();
        assert_eq!(world.money().await, (cents(30), cents(70)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn money_given_back_unheard_is_given_back_once() {
    check(
        async |world| world.grant(&task("t"), cents(100), None).await,
        async |world| {
            world.ledger.return_free(&task("t")).await.unwrap();
            assert_eq!(world.money().await, (cents(0), cents(0)));
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_retried_top_up_happens_once() {
    check(
        async |world| world.grant(&task("t"), cents(10), None).await,
        async |world| {
            world.open(&world.asked("a", Some(&task("t")), cents(50))).await;
            let grant: GrantDoc = world.ledger.grant(&task("t")).await.unwrap();
            assert_eq!((grant.grant.granted(), grant.grant.top_ups.len()), (cents(50), 1));
            assert_eq!(world.money().await, (cents(0), cents(50)));
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tier_change_whose_answer_is_lost_stands() {
    check(
        async |_| {},
        async |world| {
            world.subscribe(&acme(), Tier::Pro).await;
            assert_eq!(world.counter("2026-11-22").await.limit, NanoUsd::from_dollars(50));
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_store_admits_nothing() {
    let world = World::new().await;
    let account = world.account().await;
    let before = world.snapshot();
    world.documents.fail_when(|_| Some(Fault::UnavailableBefore));
    let refused = world.ledger.open_call(&account, &world.asked("a", None, cents(1))).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(matches!(world.ledger.admit(&acme()).await, Err(Error::Unavailable(_))));

    // Reads that work and commits that never do are no better.
    world.documents.fail_when(|access| {
        matches!(access, testkit::Access::Commit(_)).then_some(Fault::UnavailableBefore)
    });
    let refused = world.ledger.open_call(&account, &world.asked("a", None, cents(1))).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(world.snapshot(), before);
}
