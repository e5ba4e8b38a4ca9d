//! Whether a world has come to rest, and what must hold then.

use std::sync::atomic::Ordering;

use domain::{NanoUsd, TaskId};
use ledger::documents::Payload;
use workflow::documents::{ArtifactDoc, TaskDoc, artifacts_collection};

use crate::{graph::Note, oracle::Verdict, provider::AnswerSource, world::World};

/// What is still in progress; `None` at rest.
pub(crate) fn restless(world: &World) -> Option<String> {
    let clients = world.clients.load(Ordering::Relaxed);
    if clients > 0 {
        return Some(format!("{clients} clients are not done"));
    }
    let oracle = world.oracle();
    let restless = oracle.tasks.all().find(|(_, task)| !task.is_at_rest());
    if let Some((id, task)) = restless {
        return Some(format!("task {id} is neither final nor parked: {task:?}"));
    }
    let is_over =
        |id: &String| oracle.tasks.all().any(|(task, state)| task == id && state.is_final());
    if let Some(task) = oracle.books.open_grants().find(|task| is_over(task)) {
        return Some(format!("task {task} is over and its grant is not closed"));
    }
    oracle.books.loose_ends().map(|end| format!("money is held: {end}"))
}

/// What must hold of a world at rest.
pub(crate) fn verdict(world: &World) -> Verdict {
    let oracle = world.oracle();
    let (owed, charged) = (oracle.payments.owed, oracle.books.charged());
    if owed > charged {
        return Err(format!(
            "providers are owed ${}, and ${} was charged",
            NanoUsd(owed),
            NanoUsd(charged)
        ));
    }
    drop(oracle);
    let (submitted, tasks) = (world.store.all("idempotency").len(), world.store.all("tasks"));
    if submitted != tasks.len() {
        return Err(format!("{submitted} keys made {} tasks", tasks.len()));
    }
    for document in tasks {
        let task: TaskDoc = document.read().map_err(|error| error.to_string())?;
        let id = TaskId::new(document.key.id).map_err(|error| error.to_string())?;
        for stored in world.store.all(&artifacts_collection(&id)) {
            let artifact: ArtifactDoc = stored.read().map_err(|error| error.to_string())?;
            delivered(world, &id, &task, &artifact)?;
        }
    }
    Ok(())
}

/// Every delivered artefact is valid or is marked as invalid.
fn delivered(world: &World, id: &TaskId, task: &TaskDoc, artifact: &ArtifactDoc) -> Verdict {
    let kind = artifact.kind;
    let entry =
        task.artifacts.get(&kind).ok_or_else(|| format!("{kind} of {id} is not in its index"))?;
    if entry.version != artifact.version {
        return Err(format!(
            "{kind} of {id} is version {}, its index says {}",
            artifact.version, entry.version
        ));
    }
    if marketing::artefact::has_errors(&artifact.findings) != entry.needs_human {
        return Err(format!("{kind} of {id} needs a person, and its index does not say so"));
    }
    let (AnswerSource::Notes, Payload::Inline(content)) = (&world.author, &artifact.content) else {
        return Ok(());
    };
    let note: Note = serde_json::from_str(content)
        .map_err(|error| format!("{kind} of {id} cannot be read: {error}"))?;
    if note.sound || entry.needs_human {
        Ok(())
    } else {
        Err(format!("{kind} of {id} is wrong and does not say so"))
    }
}
