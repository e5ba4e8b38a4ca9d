//! What an instance with a mutant sees and writes: each mutant's defect in the store's port.

use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};

use ports::{Document, Key, Precondition, StoreError, Write, documents::Body};

use super::StorePort;
use crate::mutants::Mutant;

/// The memory of an instance.
#[derive(Default)]
pub(super) struct Memory {
    /// The task documents that it wrote while it held them, by task.
    claims: BTreeMap<String, Body>,
    before: BTreeMap<Key, Document>,
}

impl StorePort {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.instance.world.mutant == Some(mutant)
    }

    /// The writes as the mutant sends them.
    pub(super) async fn weakened(
        &self,
        writes: Vec<Write>,
        is_lost: bool,
    ) -> Result<Vec<Write>, StoreError> {
        let is_embedding = self.is(Mutant::EmbeddingVersion);
        let spares_calls =
            self.is(Mutant::CallVersion) || self.is(Mutant::SettleIdempotency) || is_embedding;
        if !spares_calls && !self.is(Mutant::Precondition) {
            return Ok(writes);
        }
        let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        let found = self.instance.world.store.get(&keys).await?;
        if is_lost && self.is(Mutant::SettleIdempotency) {
            let calls =
                found.iter().flatten().filter(|document| document.key.collection == "calls");
            self.memory().before.extend(calls.map(|call| (call.key.clone(), call.clone())));
        }
        let weaken = |(write, found): (Write, Option<Document>)| {
            if spares_calls && write.key.collection != "calls" {
                return write;
            }
            let embeds = |found: &Document| {
                found.body.get("task_type").is_some_and(|task_type| task_type == "embedding")
            };
            if is_embedding && !found.as_ref().is_some_and(embeds) {
                return write;
            }
            let precondition =
                if found.is_some() { Precondition::Exists } else { Precondition::Absent };
            Write { precondition, ..write }
        };
        Ok(writes.into_iter().zip(found).map(weaken).collect())
    }

    /// A document as the mutant sees it.
    pub(super) fn seen(&self, mut document: Document) -> Document {
        if self.is(Mutant::SettleIdempotency)
            && let Some(before) = self.memory().before.remove(&document.key)
        {
            return before;
        }
        if self.is(Mutant::LeaseFence)
            && let Some(claim) = self.memory().claims.get(&document.key.id)
            && document.key.collection == "tasks"
        {
            let mut fields = document.body.into_fields();
            for field in ["lease", "fence", "status"] {
                fields.extend(claim.get(field).map(|value| (field.into(), value.clone())));
            }
            document.body = fields.into();
        }
        document
    }

    /// Records the claims among what was just written; a task that the instance released is
    /// removed.
    pub(super) fn remember(&self, documents: &[Document]) {
        if !self.is(Mutant::LeaseFence) {
            return;
        }
        for task in documents.iter().filter(|document| document.key.collection == "tasks") {
            if task.body.get("status").is_some_and(|status| status == "running") {
                self.memory().claims.insert(task.key.id.clone(), task.body.clone());
            } else {
                self.memory().claims.remove(&task.key.id);
            }
        }
    }
}
