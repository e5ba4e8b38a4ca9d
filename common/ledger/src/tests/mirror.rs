//! The copy of settled calls: complete after any outage, corrected when the ledger is.

use domain::usage::Usage;
use testkit::{Fault, MemoryUsage};

use super::*;
use crate::mirror::Mirrored;

impl World {
    /// Makes and settles a call, and moves the clock a little on.
    async fn spent(&self, key: &str, settlement: &Settlement) -> OpenCall {
        let asked = self.asked(key, None, cents(5));
        let call = self.open(&asked).await;
        self.settle(&call, settlement).await;
        self.clock.advance_ms(1);
        asked
    }

    async fn mirror(&self, mirror: &MemoryUsage) -> Result<Mirrored> {
        self.ledger.mirror_usage(mirror).await
    }

    /// What the mirror must hold: state and charge of every call that was settled.
    fn ledger_says(&self) -> Vec<(CallState, NanoUsd)> {
        let calls = self
            .stored::<CallDoc>("calls")
            .into_iter()
            .filter(|call| call.state != CallState::Reserved);
        calls.map(|call| (call.state, call.charged)).collect()
    }
}

fn says(mirror: &MemoryUsage) -> Vec<(CallState, NanoUsd)> {
    mirror.rows().into_iter().map(|row| (row.state, row.cost)).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what a pass returns")]
fn sent(calls: usize) -> Result<Mirrored> {
    Ok(Mirrored { calls, refused: 0 })
}

#[tokio::test(start_paused = true)]
async fn mirrors_each_settled_call_once_and_no_open_ones() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    world.open(&world.asked("open", None, cents(5))).await;
    let usage = Some(Usage { cached_input: 3, ..Usage::of(100, 20) });
    let paid = Settlement {
        attempts: vec![AttemptDoc { usage, ..attempt(cents(2)) }; 2],
        ..done(cents(0))
    };
    let asked = world.spent("a", &paid).await;
    world.spent("b", &settled(CallState::Failed, cents(0), None)).await;
    world.spent("c", &settled(CallState::Cut, cents(1), None)).await;
    assert_eq!(world.mirror(&mirror).await, sent(3));
    assert_eq!(says(&mirror), world.ledger_says());
    let row = mirror.rows().into_iter().find(|row| row.call_id == asked.id).unwrap();
    assert_eq!(
        (row.cost, row.day.as_str(), row.model.as_deref()),
        (cents(4), "2026-11-22", Some("m"))
    );
    assert_eq!(row.usage, Usage { cached_input: 6, ..Usage::of(200, 40) }, "of both attempts");
    assert_eq!(
        (world.mirror(&mirror).await, mirror.batches().len()),
        (sent(0), 1),
        "nothing is sent again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_finding_reaches_the_mirror() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    let asked = world.asked("a", None, cents(5));
    let call = world.open(&asked).await;
    world.clock.advance_seconds(61);
    world.ledger.sweep().await.unwrap();
    assert_eq!(world.mirror(&mirror).await, sent(1));
    assert_eq!(says(&mirror), [(CallState::Unknown, cents(5))]);
    world.settle(&call, &done(cents(3))).await;
    assert_eq!(world.mirror(&mirror).await, sent(1));
    assert_eq!(says(&mirror), [(CallState::Done, cents(3))]);
}

/// A mirror that settles a call while its first batch is being sent.
struct Meanwhile<'w> {
    mirror: &'w MemoryUsage,
    world: &'w World,
    call: std::sync::Mutex<Option<OpenedCall>>,
}

#[async_trait::async_trait]
impl ports::UsageMirror for Meanwhile<'_> {
    async fn is_on(&self) -> std::result::Result<bool, ports::MirrorError> {
        self.mirror.is_on().await
    }

    async fn upsert(
        &self,
        rows: &[ports::UsageRow],
    ) -> std::result::Result<(), ports::MirrorError> {
        let call = self.call.lock().unwrap().take();
        if let Some(call) = call {
            self.world.settle(&call, &done(cents(3))).await;
        }
        self.mirror.upsert(rows).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_corrected_while_sending_is_sent_again() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    world.spent("other", &done(cents(1))).await;
    let call = world.open(&world.asked("a", None, cents(5))).await;
    world.clock.advance_seconds(61);
    world.ledger.sweep().await.unwrap();
    let meanwhile =
        Meanwhile { mirror: &mirror, world: &world, call: std::sync::Mutex::new(Some(call)) };
    assert_eq!(world.ledger.mirror_usage(&meanwhile).await, sent(2));
    assert!(says(&mirror).contains(&(CallState::Unknown, cents(5))), "as it was read");
    assert_eq!(world.mirror(&mirror).await, sent(1), "the corrected one alone");
    assert_eq!(says(&mirror), world.ledger_says());
}

#[tokio::test(start_paused = true)]
async fn an_outage_loses_nothing_and_resumes_after_sent_batches() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    for number in 0..450 {
        world.spent(&format!("call-{number}"), &done(NanoUsd(1_000 + number))).await;
    }
    mirror.take_batches(1);
    assert!(matches!(world.mirror(&mirror).await, Err(Error::Unavailable(_))));
    assert_eq!(mirror.batches(), [200]);
    mirror.take_batches(0);
    assert!(matches!(world.mirror(&mirror).await, Err(Error::Unavailable(_))));
    mirror.take_batches(usize::MAX);
    assert_eq!(world.mirror(&mirror).await, sent(250));
    assert_eq!(mirror.batches(), [200, 50]);
    assert_eq!(says(&mirror), world.ledger_says());
}

#[tokio::test(start_paused = true)]
async fn a_lost_store_answer_repeats_one_batch_only() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    world.spent("a", &done(cents(1))).await;
    world.documents.fail_commit(1, Fault::UnavailableBefore);
    assert!(world.mirror(&mirror).await.is_err());
    world.documents.fail_commit(1, Fault::UnavailableAfter);
    assert!(world.mirror(&mirror).await.is_err());
    assert_eq!(world.mirror(&mirror).await, sent(0));
    assert_eq!(says(&mirror), world.ledger_says());
}

#[tokio::test(start_paused = true)]
async fn a_refused_row_is_offered_again_after_a_day() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    for number in 0..9 {
        world.spent(&format!("call-{number}"), &done(NanoUsd(1_000 + number))).await;
    }
    mirror.refuse(|row| row.cost == NanoUsd(1_004));
    assert_eq!(world.mirror(&mirror).await, Ok(Mirrored { calls: 8, refused: 1 }));
    assert_eq!(world.mirror(&mirror).await, sent(0));
    mirror.refuse(|_| false);
    world.clock.advance_seconds(24 * 3600);
    assert_eq!(world.mirror(&mirror).await, sent(1));
    assert_eq!(says(&mirror), world.ledger_says());
}

#[tokio::test(start_paused = true)]
async fn rows_accepted_before_an_outage_are_not_resent() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    for number in 0..4 {
        world.spent(&format!("call-{number}"), &done(NanoUsd(1_000 + number))).await;
    }
    mirror.refuse(|row| row.cost == NanoUsd(1_003));
    mirror.take_batches(1);
    assert!(
        matches!(world.mirror(&mirror).await, Err(Error::Unavailable(_))),
        "in the middle of halving"
    );
    mirror.take_batches(usize::MAX);
    assert_eq!(world.mirror(&mirror).await, Ok(Mirrored { calls: 1, refused: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_bounded_and_the_next_goes_on() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    let call = world.spent("a", &done(NanoUsd(1))).await;
    let stored = world.call(&call).await;
    for batch in 0..42 {
        let write = |number: usize| {
            Write::create(Key::new("calls", format!("copy-{batch}-{number}")), &stored).unwrap()
        };
        world.documents.commit((0..100).map(write).collect()).await.unwrap();
    }
    assert_eq!(world.mirror(&mirror).await, sent(4_000));
    assert_eq!(world.mirror(&mirror).await, sent(201));
}

#[tokio::test(start_paused = true)]
async fn without_a_mirror_nothing_is_read_and_everything_waits() {
    let (world, mirror) = (World::new().await, MemoryUsage::new());
    world.spent("a", &done(cents(1))).await;
    mirror.set_on(false);
    world.documents.fail_read(1, Fault::UnavailableBefore);
    assert_eq!(world.mirror(&mirror).await, sent(0));
    world.documents.heal();
    mirror.set_on(true);
    assert_eq!(world.mirror(&mirror).await, sent(1));
}
