//! The analysis: walks the steps of a phase in the order of the table of steps.
//!
//! Every step is idempotent: a done step is skipped, an interrupted one continues from its stored
//! answers.

mod graph;
mod steps;

use async_trait::async_trait;
use domain::{phase::Phase, step::Step};
use futures::future::join_all;
use marketing::artefact::{Artefact as _, Kind, PriorArtefacts, route_back::Decision};

use crate::engine::{Publication, Run, RunError};
use steps::Work;

pub(crate) use graph::{affected_by, first_step, reusable, steps_from};

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
        let mut prior = run.prior_artefacts().await?;
        let mut steps = run.phase().steps().peekable();
        while let Some(step) = steps.next() {
            let mut group = vec![step];
            group.extend(steps.next_if(|next| next.info().parallel_with == Some(step)));
            if let Some(decisions) = run_group(run, &mut prior, &group).await? {
                return Ok(End::Back(decisions));
            }
            if step == Step::Positioning {
                choose_option(run, &mut prior).await?;
            }
        }
        Ok(run.phase().next().map_or(End::Done, End::Next))
    }
}

/// Runs steps at the same time and publishes what they wrote; decisions when one of them sends the
/// run back.
async fn run_group(
    run: &Run,
    prior: &mut PriorArtefacts,
    group: &[Step],
) -> Result<Option<Vec<Decision>>, RunError> {
    let view: &PriorArtefacts = prior;
    let done = join_all(group.iter().map(|step| steps::work(run, view, *step))).await;
    // If one failed, the other is still published, because it is paid.
    let mut failed = None;
    for (step, work) in group.iter().zip(done) {
        match work {
            Ok(Work::Nothing) => {}
            Ok(Work::Gathered) => *prior = run.prior_artefacts().await?,
            Ok(Work::Written(publications)) => publish(run, prior, *step, publications).await?,
            Ok(Work::Back(decisions)) => return Ok(Some(decisions)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// Publishes a step's artefacts and hands them to the steps after it.
async fn publish(
    run: &Run,
    prior: &mut PriorArtefacts,
    step: Step,
    publications: Vec<Publication>,
) -> Result<(), RunError> {
    for Publication { kind, content, .. } in &publications {
        let inserted = prior.insert(*kind, content);
        inserted.map_err(|error| RunError::Attempt(error.to_string()))?;
    }
    run.publish(step, publications).await
}

/// Selects the option the client chose, where it is not the best-scored one anyway.
async fn choose_option(run: &Run, prior: &mut PriorArtefacts) -> Result<(), RunError> {
    let Some(wanted) = &run.input.positioning_option else { return Ok(()) };
    let Some(positioning) = prior.positioning.clone().filter(|it| it.selected != *wanted) else {
        return Ok(());
    };
    let Some(chosen) = positioning.choose(wanted) else {
        return Err(RunError::Attempt(format!("positioning has no option `{wanted}`")));
    };
    let model_used = run.model_of(Kind::Positioning).await?;
    let findings = chosen.check(prior);
    let chosen = Publication {
        model_used,
        findings,
        kind: Kind::Positioning,
        content: steps::json(&chosen)?,
    };
    publish(run, prior, Step::Positioning, vec![chosen]).await
}
