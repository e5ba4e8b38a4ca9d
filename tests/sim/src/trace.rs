//! What happened in a world, line by line: kept only when somebody will read it.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// The trace of a world.
pub(crate) struct Trace {
    begun: Instant,
    lines: Option<Mutex<Vec<String>>>,
}

impl Trace {
    /// A trace that begins now; one that is not kept costs next to nothing.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { begun: Instant::now(), lines: is_kept.then(Mutex::default) }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds what somebody did.
    pub(crate) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let line = format!("{:>9.3} {who:<8} {}", self.begun.elapsed().as_secs_f64(), what());
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Every line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self
            .lines
            .as_ref()
            .map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner).clone());
        lines.unwrap_or_default()
    }
}
