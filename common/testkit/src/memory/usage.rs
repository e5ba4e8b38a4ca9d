//! An in-memory usage mirror, which can be switched off, be unavailable or refuse rows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use domain::CallId;
use ports::{MirrorError, UsageMirror, UsageRow};

type Refuse = Box<dyn Fn(&UsageRow) -> bool + Send>;

/// Stores rows by call id.
pub struct MemoryUsage(Mutex<State>);

struct State {
    is_on: bool,
    rows: BTreeMap<CallId, UsageRow>,
    batches: Vec<usize>,
    /// How many more batches are accepted before the mirror is unavailable.
    takes: usize,
    refuse: Refuse,
}

impl Default for MemoryUsage {
    fn default() -> Self {
        let state = State {
            is_on: true,
            rows: BTreeMap::new(),
            batches: Vec::new(),
            takes: usize::MAX,
            refuse: Box::new(|_| false),
        };
        Self(Mutex::new(state))
    }
}

impl MemoryUsage {
    /// An empty mirror that accepts everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether a mirror is configured at all.
    pub fn set_on(&self, is_on: bool) {
        self.state().is_on = is_on;
    }

    /// Accepts this many more batches and is then unavailable; `usize::MAX` makes it available
    /// again.
    pub fn take_batches(&self, takes: usize) {
        self.state().takes = takes;
    }

    /// Refuses every batch with a row for which `refuse` returns true.
    pub fn refuse(&self, refuse: impl Fn(&UsageRow) -> bool + Send + 'static) {
        self.state().refuse = Box::new(refuse);
    }

    /// The stored rows, ordered by call id.
    pub fn rows(&self) -> Vec<UsageRow> {
        self.state().rows.values().cloned().collect()
    }

    /// The sizes of the batches accepted since the last call.
    pub fn batches(&self) -> Vec<usize> {
        std::mem::take(&mut self.state().batches)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl UsageMirror for MemoryUsage {
    async fn is_on(&self) -> Result<bool, MirrorError> {
        Ok(self.state().is_on)
    }

    async fn upsert(&self, rows: &[UsageRow]) -> Result<(), MirrorError> {
        let mut state = self.state();
        if state.takes == 0 {
            return Err(MirrorError::Unavailable("away".into()));
        }
        if rows.iter().any(&state.refuse) {
            return Err(MirrorError::Refused("a row is not to its liking".into()));
        }
        state.takes = if state.takes == usize::MAX { usize::MAX } else { state.takes - 1 };
        state.batches.push(rows.len());
        for row in rows {
            match state.rows.get(&row.call_id) {
                Some(known) if known.revision > row.revision => {}
                _ => drop(state.rows.insert(row.call_id.clone(), row.clone())),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_keeps_the_contract_of_a_usage_mirror() {
        let rows = async |mirror: &MemoryUsage| {
            mirror.rows().iter().map(crate::contract::usage::figures).collect()
        };
        crate::contract::usage::all(async || Arc::new(MemoryUsage::new()), rows).await;
    }
}
