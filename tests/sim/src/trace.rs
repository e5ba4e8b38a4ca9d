//! The trace of a world: a line per event, recorded only if it will be read.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// The trace of a world.
pub(crate) struct Trace {
    begun: Instant,
    lines: Option<Mutex<Vec<String>>>,
}

impl Trace {
    /// A trace that begins now; one that is not recorded costs next to nothing.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { begun: Instant::now(), lines: is_kept.then(Mutex::default) }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds an event of `who`.
    pub(crate) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let line = format!("{:>9.3} {who:<8} {}", self.begun.elapsed().as_secs_f64(), what());
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// All lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self
            .lines
            .as_ref()
            .map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner).clone());
        lines.unwrap_or_default()
    }
}
