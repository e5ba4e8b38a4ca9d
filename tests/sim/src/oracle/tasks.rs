//! Invariants of tasks: steps follow in order, only the lease holder writes, and nothing goes back.

use std::collections::BTreeMap;

use ports::Document;

use super::{Verdict, text, whole};

/// Every task as last stored.
#[derive(Default)]
pub(crate) struct Tasks(BTreeMap<String, Task>);

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Task {
    pub(crate) status: String,
    owner: String,
    phase_seq: i64,
    fence: i64,
    last_seq: i64,
    percent: i64,
}

impl Task {
    fn of(document: &Document) -> Self {
        let lease = document.body.get("lease").and_then(|lease| lease.get("owner"));
        Self {
            status: text(document, "status").into(),
            owner: lease.and_then(serde_json::Value::as_str).unwrap_or_default().into(),
            phase_seq: whole(document, "phase_seq"),
            fence: whole(document, "fence"),
            last_seq: whole(document, "last_seq"),
            percent: whole(document, "percent"),
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    /// Whether nothing more happens to it by itself today.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_final() || self.status == "parked"
    }
}

impl Tasks {
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Task)> {
        self.0.iter()
    }

    pub(super) fn committed(&mut self, documents: &[Document]) -> Verdict {
        for document in documents.iter().filter(|document| document.key.collection == "tasks") {
            let id = &document.key.id;
            let after = Task::of(document);
            let before = self.0.insert(id.clone(), after.clone());
            step(before.as_ref(), &after)
                .map_err(|wrong| format!("task {id}: {wrong}: {before:?} -> {after:?}"))?;
            let first = before.map_or(1, |before| before.last_seq + 1);
            let log = format!("tasks/{id}/events");
            let events = documents.iter().filter(|document| document.key.collection == log);
            let mut written: Vec<i64> = events.map(|event| whole(event, "seq")).collect();
            written.sort_unstable();
            if !written.iter().copied().eq(first..=after.last_seq) {
                return Err(format!(
                    "task {id}: events {written:?} were written where {first}..={} belong",
                    after.last_seq
                ));
            }
        }
        let is_event = |document: &&Document| document.key.collection.ends_with("/events");
        match documents.iter().find(is_event) {
            Some(event) if documents.iter().all(|document| document.key.collection != "tasks") => {
                Err(format!("{} was written without its task", event.key))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the change of a task by one commit.
fn step(before: Option<&Task>, after: &Task) -> Verdict {
    let Some(before) = before else { return Ok(()) };
    let wrong = [
        (before.is_final() && before != after, "it was over and was changed"),
        (after.percent < before.percent, "its progress fell"),
        (after.fence < before.fence, "its fence fell"),
        (after.fence > before.fence + 1, "its fence jumped"),
        (
            after.phase_seq < before.phase_seq || after.phase_seq > before.phase_seq + 1,
            "it advanced twice",
        ),
        (
            before.status == "running"
                && after.status == "running"
                && before.fence == after.fence
                && before.owner != after.owner,
            "its lease changed hands under one fence",
        ),
    ];
    wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, what)| Err(what.into()))
}
