//! The four phases: which steps they run, in which order, on what.
//!
//! Every step is idempotent: one that is done is skipped, one that was interrupted walks its stored
//! answers.

mod analytics;
mod campaign;
mod graph;
mod research;
mod strategy;

use async_trait::async_trait;
use domain::phase::Phase;
use marketing::artefact::{Artefact, Draft, Kind, Upstream, route_back::Decision};
use marketing::prompts::Prompt;

use crate::engine::{Publication, Run, RunError, Written};

pub(crate) use graph::{affected_by, first_step, phase_of, reusable, steps_from, writer_of};

/// How a phase ended.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    /// The next phase may begin.
    Next(Phase),
    /// An earlier step must be repeated.
    Back(Vec<Decision>),
    /// The analysis is finished.
    Done,
}

/// What an engine walks once it has claimed a task.
#[async_trait]
pub trait Phases: Send + Sync {
    /// Runs the phase a task is in.
    async fn run(&self, run: &Run) -> Result<End, RunError>;
}

/// The marketing analysis.
pub struct Analysis;

#[async_trait]
impl Phases for Analysis {
    async fn run(&self, run: &Run) -> Result<End, RunError> {
        let mut upstream = run.upstream().await?;
        match run.phase() {
            Phase::Research => research::run(run, &mut upstream).await,
            Phase::Strategy => strategy::run(run, &mut upstream).await,
            Phase::Campaign => campaign::run(run, &mut upstream).await,
            Phase::Analytics => analytics::run(run, &mut upstream).await,
        }
    }
}

/// Runs a step of one model call: prompt, draft, rules, publication.
async fn step<D: Draft>(
    run: &Run,
    upstream: &mut Upstream,
    name: &str,
    prompt: impl Fn(&Upstream) -> Prompt<D>,
) -> Result<(), RunError> {
    if run.is_done(name).await {
        return Ok(());
    }
    let prompt = prompt(upstream).with_feedback(&run.feedback(name).await);
    let written = run.write(name, 0, &prompt, upstream).await?;
    publish(run, upstream, name, vec![publication(&written)?]).await
}

/// Publishes a step's artefacts and hands them to the steps after it.
async fn publish(
    run: &Run,
    upstream: &mut Upstream,
    name: &str,
    publications: Vec<Publication>,
) -> Result<(), RunError> {
    for publication in &publications {
        insert(upstream, publication.kind, &publication.content)?;
    }
    run.publish(name, publications).await
}

fn insert(
    upstream: &mut Upstream,
    kind: Kind,
    content: &serde_json::Value,
) -> Result<(), RunError> {
    upstream.insert(kind, content).map_err(|error| RunError::Attempt(error.to_string()))
}

fn publication<A: Artefact>(written: &Written<A>) -> Result<Publication, RunError> {
    Ok(Publication {
        kind: A::KIND,
        content: json(&written.artefact)?,
        findings: written.findings.clone(),
        model_used: Some(written.model_used.clone()),
    })
}

/// An artefact that code computed.
fn computed<A: Artefact>(artefact: &A, upstream: &Upstream) -> Result<Publication, RunError> {
    let findings = artefact.check(upstream);
    Ok(Publication { kind: A::KIND, content: json(artefact)?, findings, model_used: None })
}

fn json<A: Artefact>(artefact: &A) -> Result<serde_json::Value, RunError> {
    serde_json::to_value(artefact)
        .map_err(|error| RunError::Attempt(format!("{} cannot be stored: {error}", A::KIND)))
}
