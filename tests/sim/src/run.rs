//! Runs one seed from beginning to end.

use std::{
    cell::RefCell,
    sync::{Arc, Once, atomic::Ordering},
    time::Duration,
};

use domain::{BusinessId, NanoUsd, budget::Period, tier::Tier};
use ledger::documents::{SpendDoc, SubscriptionDoc, spend_key, subscription_key};
use ports::{SubscriptionStatus, Write};
use simulation::{Faults as NoFaults, Simulated};
use tokio::time::Instant;

use crate::{
    assemble, clients, data::DATA, ending, instance::Instance, mutants::Mutant,
    provider::AnswerSource, world::World,
};

/// How long a world may take to come to rest after faults have stopped.
const PATIENCE: Duration = Duration::from_hours(2);
/// Interval of the checks for rest.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The graph that the tasks follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phases {
    /// A few cheap steps with the names of the real phases.
    Small,
    /// The whole marketing analysis.
    Whole,
}

/// How a seed is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The graph that the tasks follow.
    pub phases: Phases,
    /// The mutant, if any.
    pub mutant: Option<Mutant>,
    /// Whether a trace is recorded.
    pub keeps_trace: bool,
}

/// The result of a seed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// The first violation.
    pub violation: Option<String>,
    /// The trace, if it was recorded.
    pub trace: Vec<String>,
    /// Calls that were paid.
    pub payments: usize,
    /// Tasks that were accepted.
    pub tasks: usize,
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic anywhere in a world is a violation, even if a runtime or a router catches it.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| PANIC.set(Some(panic.to_string()))));
    });
}

/// Runs one seed.
///
/// After every commit: spent + reserved stays within each limit; every counter and grant equals the
/// sum of what it counts; a settled call does not change; events follow each other without a gap;
/// progress, fence and phase never go back; a finished task does not change. At every payment: the
/// answer is not stored yet, and was not paid before unless its owner was interrupted. At the end:
/// every task is final or parked; nothing is held; providers are owed no more than was charged; one
/// key made one task; every delivered artefact is valid or marked as invalid.
pub fn run(seed: u64, setting: Setting) -> Outcome {
    note_panics();
    PANIC.set(None);
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut outcome = runtime.block_on(live(seed, setting));
    // Hanging tasks are dropped with the runtime.
    drop(runtime);
    if let Some(panic) = PANIC.take() {
        outcome.violation.get_or_insert(format!("something panicked: {panic}"));
    }
    outcome
}

async fn live(seed: u64, setting: Setting) -> Outcome {
    let author = match setting.phases {
        Phases::Small => AnswerSource::Notes,
        Phases::Whole => {
            AnswerSource::Analysis(Simulated::new("openai", Duration::ZERO, 7, NoFaults::default()))
        }
    };
    let world = World::new(seed, setting.mutant, author, setting.keeps_trace, &DATA);
    world.trace.note("world", || format!("{:?}", world.faults()));
    populate(&world, setting.phases).await;
    let storm = world.dice.seconds(60..=900);
    let begun = Instant::now();
    let mut is_calm = false;
    let violation = loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(violation) = world.oracle().violation() {
            break Some(violation);
        }
        let restless = ending::restless(&world);
        if restless.is_none() {
            break ending::verdict(&world).err();
        }
        if !is_calm && begun.elapsed() > storm {
            world.calm_down();
            is_calm = true;
        }
        if begun.elapsed() > storm + PATIENCE {
            break restless.map(|what| {
                format!("faults stopped {} s ago, and still {what}", PATIENCE.as_secs())
            });
        }
    };
    if let Some(violation) = &violation {
        world.trace.note("world", || format!("WRONG: {violation}"));
    }
    world.dissolve();
    let oracle = world.oracle();
    Outcome {
        violation,
        trace: world.trace.lines(),
        payments: oracle.payments.count(),
        tasks: oracle.tasks.all().count(),
    }
}

/// Creates businesses, instances and clients.
async fn populate(world: &Arc<World>, phases: Phases) {
    let dice = &world.dice;
    let names: &[&str] = if dice.happens(0.3) { &["acme", "birch"] } else { &["acme"] };
    let businesses: Vec<BusinessId> =
        names.iter().map(|name| BusinessId::new(*name).unwrap()).collect();
    for business in &businesses {
        subscribe(world, business).await;
    }
    for _ in 0..dice.number(2..=4) {
        world.start_instance();
    }
    tokio::spawn(world.clone().sweep());
    let submissions = if phases == Phases::Whole { 1 } else { dice.number(1..=2) };
    for number in 0..submissions {
        let business = dice.one(&businesses).unwrap().clone();
        world.clients.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(clients::submit(world.clone(), business, number));
    }
    for number in 0..dice.number(0..=4) {
        let business = dice.one(&businesses).unwrap().clone();
        let client = Arc::new(Instance::new(world, format!("c{number}"), false));
        world.clients.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(clients::ask(client.clone(), assemble::network(&client), business, number));
    }
    for number in 0..dice.number(0..=2) {
        let business = dice.one(&businesses).unwrap().clone();
        let client = Arc::new(Instance::new(world, format!("e{number}"), false));
        world.clients.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(clients::embed(client.clone(), assemble::network(&client), business, number));
    }
}

/// Gives a business a subscription, and in some worlds little money for today.
async fn subscribe(world: &World, business: &BusinessId) {
    let subscription = SubscriptionDoc { tier: Tier::Pro, status: SubscriptionStatus::Active };
    let mut writes = vec![Write::create(subscription_key(business), &subscription).unwrap()];
    if world.dice.happens(0.4) {
        let limit = NanoUsd(i64::try_from(world.dice.number(800_000_000..=3_500_000_000)).unwrap());
        let period = Period::of(world.now());
        for name in [&period.day, &period.month] {
            let counter = SpendDoc::new(business, name, limit);
            writes.push(Write::create(spend_key(business, name), &counter).unwrap());
        }
    }
    let (_, documents) = world.store.commit(writes).await.unwrap();
    world.oracle().committed(&documents);
}
