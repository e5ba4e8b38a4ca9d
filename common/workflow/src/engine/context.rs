//! What a run knows beyond its task document: prior artefacts, feedback, money, costs.

use std::{collections::BTreeMap, sync::Arc};

use domain::{NanoUsd, phase::Phase, rulebook::Rulebook, step::Step};
use marketing::artefact::{
    Finding, Kind, PriorArtefacts,
    route_back::{Decision, Outcome},
    run_report::{CostLine, CostReport},
};
use ports::{Document, Query};

use super::run::{Run, RunError};
use crate::{
    documents::{ArtifactDoc, StepDoc, TaskDoc, artifacts_collection, steps_collection},
    phases::first_step,
};

/// Steps and repairs of one task fit one page.
const PAGE: usize = 400;

impl Run {
    /// The phase this run works on.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The data that prices and routes.
    pub fn rules(&self) -> &Arc<Rulebook> {
        self.engine.rules()
    }

    /// The brief and every artefact so far.
    pub async fn prior_artefacts(&self) -> Result<PriorArtefacts, RunError> {
        let doc = self.doc().await;
        Ok(self.engine.prior_artefacts(&self.task, &doc).await?)
    }

    /// Why an earlier version of a step's work was not good enough: taken route-backs, or the
    /// client's own wish.
    pub async fn feedback(&self, step: Step) -> Vec<String> {
        let doc = self.doc().await;
        let taken = doc.route_backs.iter().filter(|decision| decision.outcome == Outcome::Taken);
        let reasons = taken
            .filter(|decision| first_step(decision.to) == step)
            .map(|decision| format!("{}: {}", decision.reason, decision.evidence.join("; ")));
        let wish = self.input.regenerate.filter(|kind| Step::writer_of(*kind) == Some(step));
        let wish = wish.map(|kind| match &self.input.regenerate_part {
            Some(part) => format!("The client asks for another version of {kind}: {part}"),
            None => format!("The client asks for another version of {kind}."),
        });
        reasons.chain(wish).collect()
    }

    /// What the rules found in every stored artefact.
    pub async fn findings(&self) -> Result<BTreeMap<Kind, Vec<Finding>>, RunError> {
        let documents = self.page(Query::collection(artifacts_collection(&self.task))).await?;
        let mut findings = BTreeMap::new();
        for document in documents {
            let doc: ArtifactDoc = document.read()?;
            findings.insert(doc.kind, doc.findings);
        }
        Ok(findings)
    }

    /// The model that wrote an artefact.
    pub async fn model_of(&self, kind: Kind) -> Result<Option<String>, RunError> {
        Ok(self.engine.artifact(&self.task, kind).await?.0.model_used)
    }

    /// What the task may still spend: its own limit, or what its grant and the business's budget
    /// carry.
    pub async fn money_left(&self) -> Result<NanoUsd, RunError> {
        let ledger = self.engine.ledger();
        let grant = ledger.grant(&self.task).await?;
        let budget = ledger.budget(&self.account.business).await?;
        let carried =
            grant.grant.free() + budget.day.remaining().min(budget.month.remaining()).or_zero();
        let own = grant.max_cost.map(|limit| limit - grant.grant.spent - grant.grant.reserved);
        Ok(own.map_or(carried, |own| own.min(carried)).or_zero())
    }

    /// What the run has cost, by phase and by model.
    pub async fn cost_report(&self) -> Result<CostReport, RunError> {
        let (mut by_phase, mut by_model) = (BTreeMap::new(), BTreeMap::new());
        for document in self.page(Query::collection(steps_collection(&self.task))).await? {
            let step: StepDoc = document.read()?;
            if let Ok(named) = step.step.parse::<Step>() {
                *by_phase.entry(named.info().phase).or_insert(NanoUsd::ZERO) += step.cost;
            }
            if let Some(model) = step.model_used {
                *by_model.entry(model).or_insert(NanoUsd::ZERO) += step.cost;
            }
        }
        let line = |name: String, cost_usd: NanoUsd| CostLine { name, cost_usd };
        Ok(CostReport {
            by_phase: by_phase
                .into_iter()
                .map(|(phase, cost)| line(phase.as_str().into(), cost))
                .collect(),
            by_model: by_model.into_iter().map(|(model, cost)| line(model, cost)).collect(),
        })
    }

    /// Records why the run did not go back.
    pub async fn note_decisions(&self, decisions: Vec<Decision>) -> Result<(), RunError> {
        let change = |doc: &mut TaskDoc, now| {
            doc.route_backs.extend(decisions.clone());
            doc.steps_done.insert(Step::RouteBack.name().into(), doc.state.phase_seq);
            vec![super::run::progress(doc, Step::RouteBack, now)]
        };
        self.commit(change, Vec::new()).await?;
        Ok(())
    }

    async fn page(&self, query: Query) -> Result<Vec<Document>, RunError> {
        Ok(self.engine.ports.documents.query(&query.limit(PAGE)).await?)
    }
}
