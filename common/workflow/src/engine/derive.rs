//! Derived tasks. A finished task is never changed: another positioning or another version of an
//! artefact is a new task, which reuses unaffected artefacts unpaid.

use std::collections::BTreeSet;

use domain::{TaskId, step::Step, task::Status};
use marketing::artefact::Kind;

use super::{Engine, Submission, Submitted};
use crate::{
    documents::{TaskDoc, TaskInput},
    phases,
};
use ledger::{Account, Error, Result};

impl Engine {
    /// A new task like `source` with another positioning option selected.
    pub async fn reposition(
        &self,
        account: &Account,
        (source, doc): (&TaskId, &TaskDoc),
        option: &str,
        key: Option<String>,
    ) -> Result<Submitted> {
        let (_, positioning) = self.artifact(source, Kind::Positioning).await?;
        let options = positioning["options"].as_array().into_iter().flatten();
        let known: Vec<&str> = options.filter_map(|it| it["id"].as_str()).collect();
        if !known.contains(&option) {
            return Err(Error::NotFound(format!(
                "positioning option `{option}` (there are {})",
                known.join(", ")
            )));
        }
        let input = self.input(doc).await?;
        let input = TaskInput {
            positioning_option: Some(option.into()),
            regenerate: None,
            regenerate_part: None,
            ..input
        };
        self.derive(account, (source, doc), input, &phases::steps_from(Step::Icps), key).await
    }

    /// A new task like `source` that rewrites an artefact and what builds on it.
    pub async fn regenerate(
        &self,
        account: &Account,
        (source, doc): (&TaskId, &TaskDoc),
        (kind, part): (Kind, Option<String>),
        key: Option<String>,
    ) -> Result<Submitted> {
        let input = self.input(doc).await?;
        let input = TaskInput { regenerate: Some(kind), regenerate_part: part, ..input };
        self.derive(account, (source, doc), input, &phases::affected_by(kind), key).await
    }

    async fn derive(
        &self,
        account: &Account,
        (source, doc): (&TaskId, &TaskDoc),
        input: TaskInput,
        stale: &BTreeSet<Step>,
        idempotency_key: Option<String>,
    ) -> Result<Submitted> {
        if doc.state.status() != Status::Completed {
            let status = doc.state.status().as_str();
            return Err(Error::WrongState(format!(
                "only a completed task can be built on; this one is {status}"
            )));
        }
        let steps = doc
            .steps_done
            .keys()
            .filter(|step| !stale.iter().any(|stale| stale.name() == *step))
            .cloned()
            .collect();
        let derived_from = Some(super::submit::Parent {
            task: source.clone(),
            artifacts: phases::reusable(stale),
            steps,
        });
        self.submit(account, &Submission { input, max_cost: None, idempotency_key, derived_from })
            .await
    }
}
