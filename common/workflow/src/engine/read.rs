//! Reading tasks: state, lists, artefacts, and everything a report is made of.

use domain::vector::Passage;
use domain::{BusinessId, TaskId, task::Status};
use marketing::artefact::{Kind, PriorArtefacts};
use ports::{Key, Query, documents::Direction};
use serde_json::Value;

use super::Engine;
use crate::documents::{ArtifactDoc, TaskDoc, TaskInput, artifacts_collection};
use ledger::{Error, Result};

impl Engine {
    /// A task of a business; another business's task is not found.
    pub async fn task(&self, business: Option<&BusinessId>, task: &TaskId) -> Result<TaskDoc> {
        let (doc, _) = self.read_task(task).await?;
        match business {
            Some(business) if doc.business != *business => {
                Err(Error::NotFound(format!("task `{task}`")))
            }
            _ => Ok(doc),
        }
    }

    /// A business's tasks, newest first, and the token of the next page.
    pub async fn tasks(
        &self,
        business: &BusinessId,
        status: Option<Status>,
        page_token: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, TaskDoc)>, Option<String>)> {
        let mut query = Query::collection("tasks")
            .equal("business", business.as_str())
            .order("created_at", Direction::Descending)
            .limit(limit);
        if let Some(status) = status {
            query = query.equal("status", status.as_str());
        }
        if let Some(token) = page_token {
            // A page token is the last task's id; a foreign or unknown one is refused like an
            // unknown task.
            let task = TaskId::new(token).map_err(|_| Error::NotFound("the page".into()))?;
            let last = self
                .task(Some(business), &task)
                .await
                .map_err(|_| Error::NotFound("the page".into()))?;
            let value = Some(Value::String(last.created_at.to_string()));
            query.after = Some(ports::documents::Cursor { value, id: token.into() });
        }
        let page = self.ports.documents.query(&query).await?;
        let next = page.last().filter(|_| page.len() == limit).map(|last| last.key.id.clone());
        let tasks = page.iter().map(|document| Ok((document.key.id.clone(), document.read()?)));
        Ok((tasks.collect::<Result<_>>()?, next))
    }

    /// One artefact with its validation, and its JSON.
    pub async fn artifact(&self, task: &TaskId, kind: Kind) -> Result<(ArtifactDoc, Value)> {
        let key = Key::new(artifacts_collection(task), kind.as_str());
        let found = self.ports.documents.get(&[key]).await?.pop().flatten();
        let document =
            found.ok_or_else(|| Error::NotFound(format!("the {kind} of task `{task}`")))?;
        let doc: ArtifactDoc = document.read()?;
        let text = doc.content.load(self.ports.artifacts.as_ref()).await?;
        let content =
            serde_json::from_str(&text).map_err(|error| Error::Internal(error.to_string()))?;
        Ok((doc, content))
    }

    /// What the client asked for.
    pub async fn input(&self, doc: &TaskDoc) -> Result<TaskInput> {
        let text = doc.input.load(self.ports.artifacts.as_ref()).await?;
        serde_json::from_str(&text).map_err(|error| Error::Internal(error.to_string()))
    }

    /// The brief and every artefact of a task.
    pub async fn prior_artefacts(&self, task: &TaskId, doc: &TaskDoc) -> Result<PriorArtefacts> {
        let input = self.input(doc).await?;
        let terms = self.rules().tiers.terms(doc.tier);
        let mut prior = PriorArtefacts::new(
            input.brief,
            input.icp_count,
            terms.max_icps,
            doc.created_at.date(),
        );
        if let Some(passages) = &doc.passages {
            let text = passages.load(self.ports.artifacts.as_ref()).await?;
            let passages: Vec<Passage> =
                serde_json::from_str(&text).map_err(|error| Error::Internal(error.to_string()))?;
            prior = prior.with_passages(&passages);
        }
        for kind in doc.artifacts.keys() {
            let (_, content) = self.artifact(task, *kind).await?;
            prior.insert(*kind, &content).map_err(|error| Error::Internal(error.to_string()))?;
        }
        Ok(prior)
    }
}
