//! Day and month, tiers, warnings.

use domain::budget::{RefusalCode, WarningLevel};
use testkit::Fault;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_late_settle_books_in_its_holds_period() {
    let world = World::at("2026-11-30T23:59:50Z").await;
    world.grant(&task("t"), cents(100), None).await;
    let direct = world.open(&world.asked("a", None, cents(50))).await;
    let tasks = world.open(&world.asked("a", Some(&task("t")), cents(100))).await;
    world.clock.advance_seconds(20);

    world.settle(&direct, &done(cents(30))).await;
    world.settle(&tasks, &done(cents(60))).await;
    // What the task still needs is granted by the new day.
    let next = world.open(&world.asked("b", Some(&task("t")), cents(100))).await;
    world.settle(&next, &done(cents(50))).await;
    world.close(&task("t")).await;
    world.ledger.flush_grant(&task("t")).await.unwrap();

    let booked = world.booked(["2026-11-30", "2026-11", "2026-12-01", "2026-12"]).await;
    // The old period's 100 first, then 10 of the new one.
    assert_eq!(
        booked,
        [
            (cents(130), cents(0)),
            (cents(130), cents(0)),
            (cents(10), cents(0)),
            (cents(10), cents(0))
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_month_refuses_what_the_day_could_carry() {
    let world = World::at("2026-11-01T12:00:00Z").await;
    for _ in 0..30 {
        let call = world.open(&world.asked(&world.clock.now().day(), None, cents(1_000))).await;
        world.settle(&call, &done(cents(999))).await;
        world.clock.advance_seconds(24 * 3_600);
    }
    world.clock.set("2026-11-30T13:00:00Z".parse().unwrap());
    let emptied =
        Write::merge(spend_key(&acme(), "2026-11-30"), Precondition::Exists).set("spent", 0);
    world.documents.commit(vec![emptied]).await.unwrap();
    let refused =
        world.ledger.open_call(&world.account().await, &world.asked("a", None, cents(31))).await;
    let Err(Error::Refused(refusal)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(
        (refusal.code, refusal.remaining),
        (RefusalCode::MonthlyBudgetExceeded, Some(cents(30)))
    );
    assert_eq!(refusal.resets_at, Some("2026-12-01T00:00:00Z".parse().unwrap()));
    world.check_limits();
}

#[tokio::test(start_paused = true)]
async fn a_tier_cut_admits_nothing_beyond_the_new_limit() {
    let world = World::new().await;
    world.subscribe(&acme(), Tier::Pro).await;
    let account = world.account().await;
    let call = world.open(&world.asked("a", None, cents(2_000))).await;
    world.subscribe(&acme(), Tier::Basic).await;
    // Whoever was admitted under the old tier is bound by the new limit.
    for account in [account, world.account().await] {
        let refused = world.ledger.open_call(&account, &world.asked("b", None, cents(1))).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    world.settle(&call, &done(cents(999))).await;
    let last = world.open(&world.asked("c", None, cents(1))).await;
    world.settle(&last, &done(cents(1))).await;
    world.check_limits();
}

#[tokio::test(start_paused = true)]
async fn a_period_starts_with_the_current_tiers_limit() {
    let world = World::new().await;
    world.subscribe(&acme(), Tier::Pro).await;
    let newcomer = BusinessId::new("newcomer").unwrap();
    world.subscribe(&newcomer, Tier::Pro).await;
    let admitted = world.ledger.admit(&newcomer).await.unwrap();
    world.subscribe(&newcomer, Tier::Basic).await;
    let asked = OpenCall {
        id: CallId::derive(&newcomer, "client", "a", 0),
        ..world.asked("a", None, cents(1_001))
    };
    let refused = world.ledger.open_call(&admitted, &asked).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

/// The levels that were noticed for the day, in the order of their names.
fn levels(world: &World) -> Vec<WarningLevel> {
    let notices = world.stored::<NoticeDoc>("notices").into_iter();
    let mut levels: Vec<_> =
        notices.filter(|it| it.period == "2026-11-22").map(|it| it.level).collect();
    levels.sort_unstable();
    levels
}

#[tokio::test(start_paused = true)]
async fn gives_each_warning_once_despite_lost_commit_answers() {
    for fault in [None, Some(Fault::UnavailableAfter), Some(Fault::Conflict)] {
        let world = World::new().await;
        // 74, 75, 80, 90 and 95 dollars of a hundred, in tenths.
        for (key, cost) in [("a", 740), ("b", 10), ("c", 50), ("d", 100), ("e", 50)] {
            let call = world.open(&world.asked(key, None, cents(cost))).await;
            if let Some(fault) = fault {
                world.documents.fail_commit(1, fault);
            }
            world.settle(&call, &done(cents(cost))).await;
        }
        assert_eq!(levels(&world), [WarningLevel::Warning, WarningLevel::Critical], "{fault:?}");

        let (account, asked) = (world.account().await, world.asked("f", None, cents(51)));
        for _ in 0..3 {
            if let Some(fault) = fault {
                world.documents.fail_commit(1, fault);
            }
            let refused = world.ledger.open_call(&account, &asked).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
            world.documents.heal();
        }
        world.ledger.open_call(&account, &asked).await.unwrap_err();
        let all = [WarningLevel::Warning, WarningLevel::Critical, WarningLevel::Exhausted];
        assert_eq!(levels(&world), all, "{fault:?}");

        // Each reaches the bus, if only by the sweep; a repeat carries the same key.
        world.ledger.sweep().await.unwrap();
        let keys = world.bus.of_topic("task-events").into_iter().map(|message| {
            serde_json::from_str::<serde_json::Value>(&message.data).unwrap()["key"].to_string()
        });
        assert_eq!(keys.collect::<std::collections::BTreeSet<_>>().len(), 3, "{fault:?}");
        assert!(
            world.stored::<NoticeDoc>("notices").iter().all(|notice| notice.sweep_at.is_none())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_analysis_gives_the_exhausted_warning() {
    let world = World::new().await;
    let money = TaskMoney { estimate: cents(1_001), most: None };
    let refused =
        world.ledger.open_grant(&world.account().await, &task("t"), &money, Vec::new()).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(levels(&world), [WarningLevel::Exhausted]);
}

#[tokio::test(start_paused = true)]
async fn the_sweep_delivers_a_notice_the_bus_refused() {
    let world = World::new().await;
    let call = world.open(&world.asked("a", None, cents(800))).await;
    world.bus.fail_next(1);
    world.settle(&call, &done(cents(800))).await;
    tokio::task::yield_now().await;
    assert_eq!(world.ledger.sweep().await.unwrap().notices, 1);
    assert_eq!(world.bus.of_topic("task-events").len(), 1);
    assert_eq!(world.ledger.sweep().await.unwrap().notices, 0);
}
