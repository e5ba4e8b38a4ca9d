//! Any interleaving of calls, grants, sweeps and midnights under random faults keeps the books.

use std::time::Duration;

use testkit::{Access, Fault};

use super::*;

/// Splitmix64: small, seeded, and good enough to shuffle with.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % sides
    }

    fn amount(&mut self, most: NanoUsd) -> NanoUsd {
        NanoUsd(i64::try_from(self.roll(u64::try_from(most.0 + 1).unwrap())).unwrap())
    }
}

/// Every fourth access fails somehow, or comes late, so that others overtake it.
fn faults(seed: u64) -> impl FnMut(Access<'_>) -> Option<Fault> + Send {
    let mut dice = Dice(seed);
    move |_| match dice.roll(24) {
        0 => Some(Fault::UnavailableBefore),
        1 => Some(Fault::Conflict),
        2 | 3 => Some(Fault::UnavailableAfter),
        4 | 5 => Some(Fault::Slow(Duration::from_millis(1 + dice.roll(5)))),
        _ => None,
    }
}

/// What the actors share: some processes, the tasks, and the calls in flight.
struct Story {
    world: World,
    processes: Vec<Ledger>,
    tasks: Vec<TaskId>,
    live: Vec<OpenedCall>,
    keys: u64,
}

impl Story {
    async fn new() -> Self {
        let world = World::at("2026-11-29T12:00:00Z").await;
        // Their clocks disagree by up to four seconds, across every midnight and every sweep.
        let processes = [-2_000, 0, 2_000].map(|ahead_ms| world.elsewhere_at(ahead_ms)).into();
        Self { world, processes, tasks: Vec::new(), live: Vec::new(), keys: 0 }
    }

    /// One step of one actor. Its errors are part of the story: what was not admitted must simply
    /// not count.
    async fn step(&mut self, dice: &mut Dice) {
        let ledger = self.processes[usize::try_from(dice.roll(3)).unwrap()].clone();
        let Ok(account) = ledger.admit(&acme()).await else { return };
        let pick =
            |dice: &mut Dice, of: usize| usize::try_from(dice.roll(of.max(1) as u64)).unwrap();
        let picked = pick(dice, self.tasks.len());
        match dice.roll(12) {
            0 => self.submit(&ledger, &account, dice).await,
            1..=4 => {
                // Sometimes a task's call, sometimes a direct one; sometimes a key that was used
                // before.
                let payer = self.tasks.get(picked).filter(|_| dice.roll(3) > 0).cloned();
                self.keys += dice.roll(4).min(1);
                let asked = self.world.asked(
                    &self.keys.to_string(),
                    payer.as_ref(),
                    dice.amount(cents(200)),
                );
                if let Ok(Opened::New(opened)) = ledger.open_call(&account, &asked).await {
                    self.live.push(*opened);
                }
            }
            5 if !self.live.is_empty() => {
                let picked = pick(dice, self.live.len());
                let (charged, bound) = (dice.amount(cents(100)), dice.amount(cents(200)));
                let _ = ledger.cover(&account, &mut self.live[picked], charged, bound).await;
            }
            6..=8 if !self.live.is_empty() => {
                let picked = pick(dice, self.live.len());
                let hold = self.live[picked].hold();
                let settlement = match dice.roll(4) {
                    0 => settled(CallState::Failed, cents(0), None),
                    1 => settled(CallState::Unknown, hold, None),
                    _ => done(dice.amount(hold)),
                };
                // A settlement whose answer was lost may be repeated late.
                if ledger.settle(&account, &self.live[picked], &settlement).await.is_ok()
                    && dice.roll(4) > 0
                {
                    self.live.swap_remove(picked);
                }
            }
            9 => {
                self.world.clock.advance_seconds(45);
                let _ = ledger.sweep().await;
            }
            10 if picked < self.tasks.len() => match dice.roll(3) {
                0 => drop(ledger.return_free(&self.tasks[picked]).await),
                1 => drop(ledger.flush_grant(&self.tasks[picked]).await),
                _ => {
                    if self.world.try_close(&self.tasks[picked]).await.is_ok() {
                        self.tasks.swap_remove(picked);
                    }
                }
            },
            11 if dice.roll(6) == 0 => self.world.clock.advance_seconds(12 * 3_600),
            _ => {}
        }
    }

    async fn submit(&mut self, ledger: &Ledger, account: &Account, dice: &mut Dice) {
        self.keys += 1;
        let id = task(&format!("t{}", self.keys));
        let money = TaskMoney { estimate: dice.amount(cents(300)), most: None };
        let _ = ledger.open_grant(account, &id, &money, vec![task_write(&id)]).await;
        let found = self.world.documents.all().into_iter().any(|it| it.key == grant_key(&id));
        self.tasks.extend(found.then_some(id));
    }

    /// Everything ends: the store heals, what is live is settled, what is open is closed and swept.
    async fn end(mut self) -> World {
        self.world.documents.heal();
        for call in std::mem::take(&mut self.live) {
            let cost = NanoUsd(call.hold().0 / 2);
            self.world.settle(&call, &done(cost)).await;
            check_reserved(&self.world, "after a late settlement");
        }
        for id in std::mem::take(&mut self.tasks) {
            self.world.close(&id).await;
            check_reserved(&self.world, "after a close");
        }
        for _ in 0..2 {
            self.world.clock.advance_seconds(301);
            self.world.ledger.sweep().await.unwrap();
            check_reserved(&self.world, "after a sweep");
        }
        self.world
    }
}

/// What the counters reserve is what open direct calls and grants hold, to the nano-dollar: between
/// steps nothing is under way, whatever answers were lost.
fn check_reserved(world: &World, told: &str) {
    let mut held: BTreeMap<String, NanoUsd> = BTreeMap::new();
    let mut add = |period: &Period, amount: NanoUsd| {
        for part in [&period.day, &period.month] {
            *held.entry(part.clone()).or_default() += amount;
        }
    };
    for call in world.stored::<CallDoc>("calls").iter().filter(|call| call.task.is_none()) {
        add(&call.period, call.hold);
    }
    for stored in world.stored::<GrantDoc>("grants") {
        for slice in &stored.grant.slices {
            add(&slice.period, slice.granted - slice.moved);
        }
    }
    for SpendDoc { period, counter, .. } in world.stored::<SpendDoc>("spend") {
        assert_eq!(
            counter.reserved,
            held.get(&period).copied().unwrap_or_default(),
            "{told}, {period}"
        );
    }
}

/// What another process does all the time, in the middle of everybody's work.
async fn interfere(rival: &Ledger, tasks: &[TaskId]) {
    let _ = rival.sweep().await;
    for task in tasks {
        let _ = rival.flush_grant(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_interleaving_with_faults_keeps_limit_and_books() {
    for seed in 0..60 {
        let mut story = Story::new().await;
        let mut dice = Dice(seed);
        story.world.documents.fail_when(faults(!seed));
        for step in 0..120 {
            let (rival, tasks) = (story.world.elsewhere(), story.tasks.clone());
            tokio::join!(story.step(&mut dice), interfere(&rival, &tasks));
            story.world.check_limits();
            check_reserved(&story.world, &format!("seed {seed}, step {step}"));
        }
        let world = story.end().await;
        world.check_limits();
        let calls = world.stored::<CallDoc>("calls");
        assert!(
            calls
                .iter()
                .all(|call| call.state != CallState::Reserved && call.hold == NanoUsd::ZERO),
            "{seed}"
        );
        let charged: NanoUsd = calls.iter().map(|call| call.charged).sum();
        let (mut days, mut months) = (NanoUsd::ZERO, NanoUsd::ZERO);
        for SpendDoc { period, counter, .. } in world.stored::<SpendDoc>("spend") {
            assert_eq!(counter.reserved, NanoUsd::ZERO, "seed {seed}, {period}: {counter:?}");
            *(if period.len() == "yyyy-mm".len() { &mut months } else { &mut days }) +=
                counter.spent;
        }
        assert_eq!((days, months), (charged, charged), "seed {seed}");
    }
}
