//! One running instance of the functions. It reaches the world only through its ports, so it dies
//! when a port never answers, and becomes a zombie when a port answers minutes later.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use domain::Time;
use ports::{Clock, Ids};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workflow::Engine;

use crate::world::World;

/// The longest silence after which nobody may take over an instance's calls yet.
const NOTICED: Duration = Duration::from_secs(40);

/// The functions that run on an instance.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) engine: Engine,
    pub(crate) router: Router,
}

/// One instance, alive, frozen or dead.
pub(crate) struct Instance {
    pub(crate) world: Arc<World>,
    pub(crate) name: String,
    /// Cancelled when it dies.
    pub(crate) dead: CancellationToken,
    frozen_until: Mutex<Option<Instant>>,
    skew_ms: i64,
    ids: AtomicU64,
    running: Mutex<Option<Running>>,
    /// Clients are not instances: they neither die nor freeze.
    is_mortal: bool,
}

impl Instance {
    pub(crate) fn new(world: &Arc<World>, name: String, is_mortal: bool) -> Self {
        let skew = i64::try_from(world.faults().skew_ms).unwrap_or_default();
        let thrown =
            i64::try_from(world.dice.number(0..=skew.unsigned_abs() * 2)).unwrap_or_default();
        Self {
            world: world.clone(),
            name,
            dead: CancellationToken::new(),
            frozen_until: Mutex::default(),
            skew_ms: thrown - skew,
            ids: AtomicU64::new(0),
            running: Mutex::default(),
            is_mortal,
        }
    }

    pub(crate) fn start(&self, running: Running) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// The functions that run on it; `None` once the world has ended.
    pub(crate) fn running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn dissolve(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        self.world.trace.note(&self.name, what);
    }

    /// One access through a port: it takes time, and at its end the instance may be frozen or dead.
    /// Returns whether it was frozen.
    pub(crate) async fn pass(&self, port: &str) -> bool {
        let world = &self.world;
        let faults = world.faults();
        let latency = faults.latency(&world.dice);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut was_frozen = self.up().await;
        if self.is_mortal && world.dice.happens(faults.crash) && world.may_die() {
            self.crash(port);
        } else if self.is_mortal && world.dice.happens(faults.freeze) {
            self.freeze(port);
        }
        was_frozen |= self.up().await;
        was_frozen
    }

    /// Returns when the instance runs: at once, after a while, or never. Returns whether it had to
    /// wait.
    async fn up(&self) -> bool {
        let mut waited = false;
        loop {
            if self.dead.is_cancelled() {
                std::future::pending::<()>().await;
            }
            let until = *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return waited,
            }
            waited = true;
        }
    }

    fn crash(&self, port: &str) {
        self.note(|| format!("DIES at {port}"));
        self.dead.cancel();
        self.world.oracle().interrupted(&self.name);
        self.world.replace_soon();
    }

    fn freeze(&self, port: &str) {
        let world = &self.world;
        let length = if world.dice.happens(0.5) {
            world.dice.seconds(1..=30)
        } else {
            world.dice.seconds(61..=400)
        };
        self.note(|| format!("FREEZES at {port} for {} s", length.as_secs()));
        *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Instant::now() + length);
        if length > NOTICED {
            world.oracle().interrupted(&self.name);
        }
    }
}

/// An instance's clock: the world's time with a deviation.
pub(crate) struct InstanceClock(pub(crate) Arc<Instance>);

impl Clock for InstanceClock {
    fn now(&self) -> Time {
        self.0.world.now().plus_ms(self.0.skew_ms)
    }
}

/// An instance's ids: its name and a number.
pub(crate) struct InstanceIds(pub(crate) Arc<Instance>);

impl Ids for InstanceIds {
    fn next(&self) -> String {
        format!("{}-{}", self.0.name, self.0.ids.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
