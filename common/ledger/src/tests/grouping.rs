//! Group commits: each change is stored once, whatever happens to the others and to the commit's
//! answer.

use std::time::Duration;

use domain::budget::WarningLevel;
use futures::future::{join, join_all};
use testkit::{Access, Fault};

use super::*;

/// Keeps a commit queue busy, so that all changes made meanwhile share the next commit.
async fn behind_a_slow_commit<T>(world: &World, act: impl Future<Output = T>) -> T {
    world.documents.fail_commit(1, Fault::Slow(Duration::from_millis(50)));
    let account = world.account().await;
    let slow = world.asked("slow", None, cents(1));
    let first = async {
        world.ledger.open_call(&account, &slow).await.unwrap();
    };
    let rest = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        act.await
    };
    join(first, rest).await.1
}

#[tokio::test(start_paused = true)]
async fn what_waits_shares_one_commit() {
    let world = World::new().await;
    let before = world.documents.commits();
    behind_a_slow_commit(&world, async {
        join_all(
            (0..40)
                .map(async |key| world.open(&world.asked(&key.to_string(), None, cents(2))).await),
        )
        .await
    })
    .await;
    assert_eq!(world.documents.commits() - before, 2);
    assert_eq!(world.money().await, (cents(0), cents(81)));
}

#[tokio::test(start_paused = true)]
async fn more_than_a_commit_takes_goes_into_several() {
    let world = World::new().await;
    let asked: Vec<OpenCall> =
        (0..900).map(|key| world.asked(&key.to_string(), None, cents(1))).collect();
    let account = world.account().await;
    let opened = join_all(asked.iter().map(|asked| world.ledger.open_call(&account, asked))).await;
    assert!(opened.into_iter().all(|opened| matches!(opened, Ok(Opened::New(_)))));
    assert_eq!(world.money().await, (cents(0), cents(900)));
}

#[tokio::test(start_paused = true)]
async fn a_settle_makes_room_within_the_same_group_commit() {
    let world = World::new().await;
    let full = world.open(&world.asked("full", None, cents(990))).await;
    let both = async {
        let next = world.asked("next", None, cents(900));
        join(world.open(&next), world.settle(&full, &done(cents(50)))).await.0
    };
    let opened = behind_a_slow_commit(&world, Box::pin(both)).await;
    assert_eq!((opened.hold(), world.money().await), (cents(900), (cents(50), cents(901))));
}

#[tokio::test(start_paused = true)]
async fn one_key_twice_in_a_commit_pays_once() {
    let world = World::new().await;
    let (account, asked) = (world.account().await, world.asked("a", None, cents(50)));
    let both = behind_a_slow_commit(&world, async {
        join(world.ledger.open_call(&account, &asked), world.ledger.open_call(&account, &asked))
            .await
    })
    .await;
    assert!(matches!(both, (Ok(Opened::New(_)), Ok(Opened::Running))), "{both:?}");
    assert_eq!(world.money().await, (cents(0), cents(51)));
}

/// Every way in which a call moves the business's money.
#[derive(Clone, Copy, Debug)]
enum Member {
    Opens,
    IsRefused,
    Covers,
    Settles,
    Fails,
    ReturnsGrant,
}

const MEMBERS: [Member; 6] = [
    Member::Opens,
    Member::IsRefused,
    Member::Covers,
    Member::Settles,
    Member::Fails,
    Member::ReturnsGrant,
];

async fn act(world: &World, member: Member, call: Option<&OpenedCall>) {
    let account = world.account().await;
    match (member, call) {
        (Member::Opens, _) => drop(world.open(&world.asked("opens", None, cents(70))).await),
        (Member::IsRefused, _) => {
            let refused =
                world.ledger.open_call(&account, &world.asked("refused", None, cents(1_000))).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        }
        (Member::Covers, Some(call)) => {
            world.ledger.cover(&account, &mut call.clone(), cents(20), cents(15)).await.unwrap();
        }
        (Member::Settles, Some(call)) => assert!(world.settle(call, &done(cents(13))).await),
        (Member::Fails, Some(call)) => {
            assert!(world.settle(call, &settled(CallState::Failed, cents(0), None)).await);
        }
        (Member::ReturnsGrant, _) => drop(world.ledger.return_free(&task("t")).await.unwrap()),
        (Member::Covers | Member::Settles | Member::Fails, None) => {
            panic!("{member:?} needs an open call")
        }
    }
}

/// The business's books after a group of changes has shared a commit that met `fault`, and after
/// everything else.
async fn after_group(
    members: &[Member],
    fault: Option<Fault>,
) -> (NanoUsd, NanoUsd, Vec<(CallState, NanoUsd)>) {
    let world = World::new().await;
    world.grant(&task("t"), cents(100), None).await;
    let mut calls = Vec::new();
    for member in members {
        let needs_call = matches!(member, Member::Covers | Member::Settles | Member::Fails);
        let asked = world.asked(&format!("{member:?}"), None, cents(20));
        calls.push(if needs_call { Some(world.open(&asked).await) } else { None });
    }
    if let Some(fault) = fault {
        // The slow one is the next; the group's is the one after it.
        world.documents.fail_commit(2, fault);
    }
    let before = world.documents.commits();
    behind_a_slow_commit(
        &world,
        join_all(members.iter().zip(&calls).map(|(it, call)| act(&world, *it, call.as_ref()))),
    )
    .await;
    if fault.is_none() && !members.iter().any(|member| matches!(member, Member::IsRefused)) {
        assert_eq!(world.documents.commits() - before, 2, "{members:?} share a commit");
    }
    let calls = world
        .stored::<CallDoc>("calls")
        .into_iter()
        .map(|call| (call.state, call.hold + call.charged));
    let mut calls: Vec<_> = calls.collect();
    calls.sort_by_key(|(state, money)| (*state as u8, *money));
    let (spent, reserved) = world.money().await;
    (spent, reserved, calls)
}

#[tokio::test(start_paused = true)]
async fn a_group_with_a_lost_answer_books_once() {
    for subset in 1_u32..1 << MEMBERS.len() {
        let of_subset = MEMBERS.iter().enumerate().filter(|(bit, _)| subset & (1 << bit) != 0);
        let members: Vec<Member> = of_subset.map(|(_, member)| *member).collect();
        let undisturbed = after_group(&members, None).await;
        for fault in [Fault::Conflict, Fault::UnavailableBefore, Fault::UnavailableAfter] {
            assert_eq!(
                after_group(&members, Some(fault)).await,
                undisturbed,
                "{members:?}, {fault:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn settles_members_that_another_process_changed_meanwhile() {
    let world = World::new().await;
    let mut calls = Vec::new();
    for key in ["a", "b", "c", "d"] {
        calls.push(world.open(&world.asked(key, None, cents(20))).await);
    }
    world.clock.advance_seconds(61);
    // Another process's sweep charges them all while their settlements wait for the store.
    let (sweeper, account) = (world.elsewhere(), world.account().await);
    world.documents.fail_commit(1, Fault::Slow(Duration::from_millis(500)));
    let cheap = done(cents(5));
    let settle = join_all(calls.iter().map(|call| world.ledger.settle(&account, call, &cheap)));
    let sweep = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sweeper.sweep().await.unwrap();
        world.open(&world.asked("e", None, cents(30))).await
    };
    let (settled, _) = join(settle, sweep).await;
    assert!(settled.into_iter().all(|stored| stored == Ok(true)));
    assert_eq!(world.money().await, (cents(20), cents(30)));
}

#[tokio::test(start_paused = true)]
async fn one_invalid_member_does_not_fail_the_others() {
    let world = World::new().await;
    let account = world.account().await;
    let oversized =
        OpenCall { task_type: "x".repeat(1_100_000), ..world.asked("b", None, cents(10)) };
    let asked = [world.asked("a", None, cents(10)), oversized, world.asked("c", None, cents(10))];
    let opened = behind_a_slow_commit(
        &world,
        join_all(asked.iter().map(|asked| world.ledger.open_call(&account, asked))),
    )
    .await;
    assert!(
        matches!(
            opened.as_slice(),
            [Ok(Opened::New(_)), Err(Error::Internal(_)), Ok(Opened::New(_))]
        ),
        "{opened:?}"
    );
    assert_eq!(world.money().await, (cents(0), cents(21)));
}

/// A store may refuse a commit without saying whose document it dislikes.
#[tokio::test(start_paused = true)]
async fn finds_an_unnamed_invalid_member_by_halving() {
    for bad in 0..5 {
        let world = World::new().await;
        let account = world.account().await;
        let asked: Vec<OpenCall> =
            (0..5).map(|key| world.asked(&key.to_string(), None, cents(10))).collect();
        let disliked = call_key(&asked[bad].id);
        world.documents.fail_when(move |access| match access {
            Access::Commit(writes) if writes.iter().any(|write| write.key == disliked) => {
                Some(Fault::Invalid)
            }
            Access::Commit(_) | Access::Get(_) | Access::Query(_) => None,
        });
        let opened =
            join_all(asked.iter().map(|asked| world.ledger.open_call(&account, asked))).await;
        let failed: Vec<usize> = (0..5).filter(|index| opened[*index].is_err()).collect();
        assert_eq!((failed, world.money().await), (vec![bad], (cents(0), cents(40))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_takes_nobodys_commit_along() {
    let world = World::new().await;
    let account = world.account().await;
    world.documents.fail_commit(1, Fault::Slow(Duration::from_millis(500)));
    let (hasty, patient) =
        (world.asked("hasty", None, cents(10)), world.asked("patient", None, cents(20)));
    let gone =
        tokio::time::timeout(Duration::from_millis(100), world.ledger.open_call(&account, &hasty));
    let (gone, opened) = join(gone, world.ledger.open_call(&account, &patient)).await;
    assert!(gone.is_err() && matches!(opened, Ok(Opened::New(_))), "{opened:?}");
    // What it asked for stands; the sweep ends it.
    assert_eq!(world.money().await, (cents(0), cents(30)));
    world.clock.advance_seconds(61);
    world.ledger.sweep().await.unwrap();
    assert_eq!(world.money().await, (cents(30), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn instances_that_commit_without_pause_all_get_their_turns() {
    let world = World::new().await;
    let account = world.account().await;
    world.documents.fail_when(|_| Some(Fault::Slow(Duration::from_millis(3))));
    let instances: Vec<Ledger> = (0..4).map(|_| world.elsewhere()).collect();
    let busy = async |(number, ledger): (usize, &Ledger)| {
        for round in 0..25 {
            let asked = world.asked(&format!("{number}-{round}"), None, cents(1));
            let Opened::New(call) = ledger.open_call(&account, &asked).await.unwrap() else {
                panic!("not opened")
            };
            assert!(ledger.settle(&account, &call, &done(cents(1))).await.unwrap());
        }
    };
    join_all(instances.iter().enumerate().map(busy)).await;
    assert_eq!(world.money().await, (cents(100), cents(0)));
}

#[tokio::test(start_paused = true)]
async fn two_instances_crossing_a_warning_give_it_once() {
    let world = World::new().await;
    let account = world.account().await;
    let calls = [
        world.open(&world.asked("a", None, cents(400))).await,
        world.open(&world.asked("b", None, cents(400))).await,
    ];
    let instances = [world.elsewhere(), world.elsewhere()];
    let dear = done(cents(400));
    let settle = |index: usize| instances[index].settle(&account, &calls[index], &dear);
    assert_eq!(join(settle(0), settle(1)).await, (Ok(true), Ok(true)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let told: Vec<_> =
        world.stored::<NoticeDoc>("notices").iter().map(|notice| notice.level).collect();
    assert_eq!(told, [WarningLevel::Warning]);
    assert_eq!(world.bus.of_topic("task-events").len(), 1);
}

/// The other instance still believes that nothing is held, so releasing a hold seems to change
/// nothing.
#[tokio::test(start_paused = true)]
async fn an_instance_unaware_of_the_hold_books_its_release() {
    let world = World::new().await;
    let (account, other) = (world.account().await, world.elsewhere());
    let earlier = world.open(&world.asked("a", None, cents(10))).await;
    assert!(
        other
            .settle(&account, &earlier, &settled(CallState::Failed, cents(0), None))
            .await
            .unwrap()
    );
    let call = world.open(&world.asked("b", None, cents(20))).await;
    assert!(
        other.settle(&account, &call, &settled(CallState::Failed, cents(0), None)).await.unwrap()
    );
    assert_eq!(world.money().await, (cents(0), cents(0)));
}
