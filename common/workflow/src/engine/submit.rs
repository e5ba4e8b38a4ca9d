//! Accepting a task: one commit holds the task, its first event, its grant and the business's
//! counters.

use std::collections::BTreeMap;

use domain::{
    NanoUsd, TaskId, Time,
    budget::{Refusal, RefusalCode},
    digest,
    event::{Event, EventKind},
    task::{Status, TaskState},
};
use marketing::artefact::Kind;
use ports::{Document, Key, StoreError, Write};
use serde::Serialize;
use serde_json::json;

use super::Engine;
use crate::{
    documents::{
        ArtifactDoc, IdempotencyDoc, TaskDoc, TaskInput, artifacts_collection, events_collection,
    },
    plan,
};
use ledger::{
    Account, Error, Result, TaskMoney,
    documents::{Payload, RETENTION_SECONDS, task_key},
    retry::Retry,
};

/// A task to be accepted.
#[derive(Clone, PartialEq, Debug)]
pub struct Submission {
    /// What is asked for.
    pub input: TaskInput,
    /// Most it may cost.
    pub max_cost: Option<NanoUsd>,
    /// The client's Idempotency-Key.
    pub idempotency_key: Option<String>,
    /// The task whose results are reused.
    pub derived_from: Option<Parent>,
}

/// What a derived task takes over unpaid.
#[derive(Clone, PartialEq, Debug)]
pub struct Parent {
    /// The task whose results are reused.
    pub task: TaskId,
    /// The artefacts that are reused.
    pub artifacts: Vec<Kind>,
    /// Which steps it need not run.
    pub steps: Vec<String>,
}

/// An accepted task.
#[derive(Clone, PartialEq, Debug)]
pub struct Submitted {
    /// The id of the task.
    pub task: TaskId,
    /// What it is expected to cost.
    pub expected: NanoUsd,
    /// The status of the task.
    pub status: Status,
}

impl Engine {
    /// Accepts a task, or says why the budget, the tier or an emergency stop refuses it. The same
    /// key and body again return the first task.
    pub async fn submit(&self, account: &Account, submission: &Submission) -> Result<Submitted> {
        let rules = self.rules().clone();
        let now = self.ports.clock.now();
        check_icps(account, submission.input.icp_count)?;
        let estimate = plan::estimate(&rules, &account.terms, &submission.input, now.date())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let total = estimate.total();
        check_max_cost(submission.max_cost, total.low)?;
        let input = serde_json::to_string(&submission.input)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let keyed = submission.idempotency_key.as_ref().map(|key| {
            let id = digest(&["idempotency", account.business.as_str(), "POST /v1/tasks", key]);
            let derived = submission
                .derived_from
                .as_ref()
                .map(|parent| parent.task.to_string())
                .unwrap_or_default();
            let limit = submission.max_cost.map(|cost| cost.0.to_string()).unwrap_or_default();
            (Key::new("idempotency", id), digest(&[&input, &derived, &limit]))
        });
        let task = TaskId::new(self.ports.ids.next())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let reused = self.reused(submission).await?;
        let mut doc = self.new_task(account, submission, &input, now).await?;
        let mut retry = Retry::default();
        loop {
            if let Some((key, hash)) = &keyed
                && let Some(earlier) = self.earlier(key, hash).await?
            {
                let (known, _) = self.read_task(&earlier).await?;
                return Ok(Submitted {
                    task: earlier,
                    expected: total.expected,
                    status: known.state.status(),
                });
            }
            let queue = self.queue(&account.business).await?;
            doc.state = queue.admit(account, now)?;
            let mut writes = vec![queue.decided(&account.business)?];
            let event = Event {
                seq: 1,
                task_id: task.clone(),
                event: EventKind::TaskStarted,
                data: json!({ "estimated_cost_usd": total.expected.as_usd_f64(), "derived_from": doc.derived_from,
                    "waiting": doc.state.is_waiting() }),
                timestamp: now,
            };
            writes.push(Write::create(task_key(&task), &doc)?);
            writes.push(event_write(&event)?);
            for document in &reused {
                let key = Key::new(artifacts_collection(&task), document.key.id.clone());
                writes.push(Write::create(key, &*document.body)?);
            }
            if let Some((key, hash)) = &keyed {
                let record = IdempotencyDoc {
                    business: account.business.clone(),
                    request_hash: hash.clone(),
                    result: task.to_string(),
                    expire_at: now.plus_seconds(RETENTION_SECONDS),
                };
                writes.push(Write::create(key.clone(), &record)?);
            }
            let money = TaskMoney { estimate: estimate.grant(), most: submission.max_cost };
            // A task reported as not stored may still be there: the commit's answer was lost.
            if !self.ledger.open_grant(account, &task, &money, writes).await?
                && !self.exists(&task).await?
            {
                retry.after(StoreError::Conflict(task_key(&task))).await?;
                continue;
            }
            self.announce(&task, &event).await;
            break;
        }
        if !doc.state.is_waiting() {
            self.wake(&task, doc.state.phase, doc.state.phase_seq).await;
        }
        Ok(Submitted { task, expected: total.expected, status: doc.state.status() })
    }

    async fn exists(&self, task: &TaskId) -> Result<bool> {
        Ok(self.ports.documents.get(&[task_key(task)]).await?.pop().flatten().is_some())
    }

    async fn earlier(&self, key: &Key, hash: &str) -> Result<Option<TaskId>> {
        let Some(document) =
            self.ports.documents.get(std::slice::from_ref(key)).await?.pop().flatten()
        else {
            return Ok(None);
        };
        let record: IdempotencyDoc = document.read()?;
        if record.request_hash != hash {
            return Err(Error::KeyReused);
        }
        TaskId::new(record.result).map(Some).map_err(|error| Error::Internal(error.to_string()))
    }

    async fn new_task(
        &self,
        account: &Account,
        submission: &Submission,
        input: &str,
        now: Time,
    ) -> Result<TaskDoc> {
        let mut doc = TaskDoc {
            business: account.business.clone(),
            tier: account.tier,
            graph_version: self.graph_version(),
            input: Payload::store(self.ports.artifacts.as_ref(), input.into()).await?,
            passages: None,
            derived_from: None,
            state: TaskState::submitted(now),
            commits: 0,
            last_seq: 1,
            percent: 0,
            cost: NanoUsd::ZERO,
            models_used: Vec::new(),
            simulated: false,
            steps_done: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            route_backs: Vec::new(),
            holdings: Vec::new(),
            budget_warned: None,
            created_at: now,
            finished_at: None,
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        };
        if let Some(parent) = &submission.derived_from {
            let (source, _) = self.read_task(&parent.task).await?;
            doc.derived_from = Some(parent.task.clone());
            doc.passages = source.passages;
            doc.simulated = source.simulated;
            doc.models_used = source.models_used;
            doc.artifacts = source
                .artifacts
                .into_iter()
                .filter(|(kind, _)| parent.artifacts.contains(kind))
                .collect();
            doc.steps_done = parent.steps.iter().map(|step| (step.clone(), 0)).collect();
        }
        Ok(doc)
    }

    /// The artefacts that a derived task takes over unpaid.
    async fn reused(&self, submission: &Submission) -> Result<Vec<Document>> {
        let Some(parent) = &submission.derived_from else { return Ok(Vec::new()) };
        let collection = artifacts_collection(&parent.task);
        let keys: Vec<Key> =
            parent.artifacts.iter().map(|kind| Key::new(&collection, kind.as_str())).collect();
        let found: Vec<Document> =
            self.ports.documents.get(&keys).await?.into_iter().flatten().collect();
        for document in &found {
            document.read::<ArtifactDoc>()?;
        }
        Ok(found)
    }
}

/// An event, and when the store may forget it.
#[derive(Serialize)]
struct EventDoc<'a> {
    #[serde(flatten)]
    event: &'a Event,
    expire_at: Time,
}

/// The write that appends an event to a task's log.
pub(super) fn event_write(event: &Event) -> std::result::Result<Write, StoreError> {
    let key = Key::new(events_collection(&event.task_id), Event::document_id(event.seq));
    Write::create(
        key,
        &EventDoc { event, expire_at: event.timestamp.plus_seconds(RETENTION_SECONDS) },
    )
}

fn check_icps(account: &Account, wanted: u32) -> Result<()> {
    let most = account.terms.max_icps;
    if wanted > most {
        let detail =
            format!("icp_count is {wanted}; the {} tier allows {most}", account.tier.as_str());
        return Err(Refusal {
            tier: Some(account.tier),
            ..Refusal::new(RefusalCode::FeatureLimitExceeded, detail)
        }
        .into());
    }
    Ok(())
}

fn check_max_cost(limit: Option<NanoUsd>, least: NanoUsd) -> Result<()> {
    match limit {
        Some(limit) if limit < least => {
            let detail =
                format!("max_cost_usd is ${limit}; the analysis costs at least about ${least}");
            let refusal = Refusal {
                limit: Some(limit),
                estimated: Some(least),
                ..Refusal::new(RefusalCode::TaskBudgetExceeded, detail)
            };
            Err(refusal.into())
        }
        _ => Ok(()),
    }
}
