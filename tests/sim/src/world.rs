//! One world: its time, its faults, its instances and its oracle.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{Time, rulebook::Rulebook};
use marketing::brief::Brief;
use testkit::MemoryArtifacts;
use tokio::time::Instant;

use crate::{
    assemble,
    data::Data,
    dice::Dice,
    faults::Faults,
    instance::Instance,
    mutants::Mutant,
    oracle::Oracle,
    provider::{AnswerSource, Background},
    store::Store,
    trace::Trace,
};

/// The most instances that may die in one world, so that its clients make progress.
const MOST_DEATHS: usize = 8;
/// Interval of the sweep.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// The state that the instances of one world share.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) trace: Trace,
    pub(crate) store: Store,
    pub(crate) artifacts: Arc<MemoryArtifacts>,
    pub(crate) rules: Arc<Rulebook>,
    pub(crate) brief: Arc<Brief>,
    pub(crate) author: AnswerSource,
    pub(crate) background: Background,
    /// Whether the first provider offers background calls.
    pub(crate) has_background: bool,
    /// Clients that are not finished.
    pub(crate) clients: AtomicUsize,
    stormy: Faults,
    calm: Faults,
    is_calm: AtomicBool,
    deaths: AtomicUsize,
    begun: Instant,
    start: Time,
    oracle: Mutex<Oracle>,
    instances: Mutex<Vec<Arc<Instance>>>,
}

impl World {
    /// A world of this seed in which nothing runs yet.
    pub(crate) fn new(
        seed: u64,
        mutant: Option<Mutant>,
        author: AnswerSource,
        keeps_trace: bool,
        data: &Data,
    ) -> Arc<Self> {
        let dice = Dice::new(seed);
        let stormy = Faults::draw(&dice);
        // Some worlds cross midnight.
        let before_midnight =
            dice.happens(0.2).then(|| i64::try_from(dice.number(10..=600)).unwrap_or_default());
        let start =
            data.noon.plus_seconds(before_midnight.map_or(0, |seconds| 12 * 3600 - seconds));
        Arc::new(Self {
            has_background: dice.happens(0.3),
            dice,
            mutant,
            trace: Trace::new(keeps_trace),
            store: Store::default(),
            artifacts: Arc::default(),
            rules: data.rules.clone(),
            brief: data.brief.clone(),
            author,
            background: Background::default(),
            clients: AtomicUsize::new(0),
            calm: stormy.calm(),
            stormy,
            is_calm: AtomicBool::new(false),
            deaths: AtomicUsize::new(0),
            begun: Instant::now(),
            start,
            oracle: Mutex::default(),
            instances: Mutex::default(),
        })
    }

    /// True time, from which every instance's clock deviates.
    pub(crate) fn now(&self) -> Time {
        self.start.plus_ms(i64::try_from(self.begun.elapsed().as_millis()).unwrap_or_default())
    }

    pub(crate) fn faults(&self) -> &Faults {
        if self.is_calm.load(Ordering::Relaxed) { &self.calm } else { &self.stormy }
    }

    /// Stops all faults.
    pub(crate) fn calm_down(&self) {
        self.trace.note("world", || "faults stop".into());
        self.is_calm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn instances(&self) -> MutexGuard<'_, Vec<Arc<Instance>>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more instance may die.
    pub(crate) fn may_die(&self) -> bool {
        self.deaths.fetch_add(1, Ordering::Relaxed) < MOST_DEATHS
    }

    /// Starts a new instance.
    pub(crate) fn start_instance(self: &Arc<Self>) {
        let name = format!("w{}", self.instances().len() + 1);
        let instance = Arc::new(Instance::new(self, name, true));
        instance.start(assemble::assemble(&instance));
        instance.note(|| "starts".into());
        self.instances().push(instance);
    }

    /// Starts another instance in place of one that died, after a while.
    pub(crate) fn replace_soon(self: &Arc<Self>) {
        let (world, delay) = (self.clone(), self.dice.seconds(1..=30));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            world.start_instance();
        });
    }

    /// A random instance to send something to; the sender cannot see that one is frozen.
    pub(crate) fn any_instance(&self) -> Option<Arc<Instance>> {
        let alive: Vec<Arc<Instance>> =
            self.instances().iter().filter(|it| !it.dead.is_cancelled()).cloned().collect();
        self.dice.one(&alive).cloned()
    }

    /// Sweeps each minute on a random instance.
    pub(crate) async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let Some(instance) = self.any_instance() else { continue };
            tokio::spawn(sweep(instance));
        }
    }

    pub(crate) fn dissolve(&self) {
        for instance in self.instances().drain(..) {
            instance.dissolve();
        }
    }
}

async fn sweep(instance: Arc<Instance>) {
    let Some(running) = instance.running() else { return };
    let mutant = instance.world.mutant;
    let swept = async {
        instance.pass("a sweep").await;
        if mutant != Some(Mutant::Outbox) {
            let woken = running.engine.sweep().await;
            instance.note(|| format!("sweeps tasks: {woken:?}"));
        }
        if mutant != Some(Mutant::LedgerSweep) {
            let swept = running.engine.ledger().sweep().await;
            instance.note(|| format!("sweeps the ledger: {swept:?}"));
        }
    };
    tokio::select! {
        biased;
        () = swept => {}
        () = instance.dead.cancelled() => {}
    }
}
