//! What each step does: asks a model, or computes.

use std::collections::BTreeMap;

use domain::{NanoUsd, step::Step};
use futures::future::join_all;
use marketing::{
    artefact::{
        Artefact, Draft, PriorArtefacts,
        clv::Clv,
        content_calendar::ContentCalendar,
        route_back::{Decision, Means, Outcome, Target, decide},
        run_report::RunReport,
    },
    prompts::{self, Prompt},
};

use super::graph;
use crate::{
    engine::{Publication, Run, RunError, Written},
    plan,
};

/// What a step did.
pub(super) enum Work {
    /// Nothing: it was done before, or leaves no artefact.
    Nothing,
    /// It chose what the run reads beside the brief.
    Gathered,
    /// It wrote artefacts.
    Written(Vec<Publication>),
    /// It sends the run back.
    Back(Vec<Decision>),
}

/// Does the work of a step that is not done yet.
pub(super) async fn work(run: &Run, prior: &PriorArtefacts, step: Step) -> Result<Work, RunError> {
    if run.is_done(step).await {
        return Ok(Work::Nothing);
    }
    match step {
        // The brief was judged when the task was accepted; the step marks what the run builds on.
        Step::Intake => run.gather(&prior.brief).await.map(|()| Work::Gathered),
        Step::Evidence => answer(run, prior, prompts::evidence(prior)).await,
        Step::SituationAnalysis => answer(run, prior, prompts::situation_analysis(prior)).await,
        Step::CompetitorLadder => answer(run, prior, prompts::competitor_ladder(prior)).await,
        Step::SostacOpening => answer(run, prior, prompts::sostac_opening(prior)).await,
        Step::Positioning => answer(run, prior, prompts::positioning(prior)).await,
        Step::Icps => answer(run, prior, prompts::icps(prior)).await,
        Step::NorthStar => answer(run, prior, prompts::north_star(prior)).await,
        Step::Marketing7ps => answer(run, prior, prompts::marketing_7ps(prior)).await,
        Step::SostacPlan => answer(run, prior, prompts::sostac_plan(prior)).await,
        Step::ContentCalendar => calendar(run, prior).await,
        Step::AssetBriefs => asset_briefs(run, prior).await,
        Step::Amec => answer(run, prior, prompts::amec(prior)).await,
        Step::Clv => Ok(Work::Written(vec![computed(&Clv::compute(prior), prior)?])),
        Step::RouteBack => route_back(run, prior).await,
        Step::Report => report(run, prior).await,
    }
}

/// A step of one model call, whose draft becomes one artefact.
async fn answer<D: Draft>(
    run: &Run,
    prior: &PriorArtefacts,
    prompt: Prompt<D>,
) -> Result<Work, RunError> {
    let written = write(run, prior, prompt).await?;
    Ok(Work::Written(vec![publication(&written)?]))
}

async fn write<D: Draft>(
    run: &Run,
    prior: &PriorArtefacts,
    prompt: Prompt<D>,
) -> Result<Written<D::Artefact>, RunError> {
    let feedback = run.feedback(prompt.step).await;
    let prompt = prompt.with_feedback(&feedback);
    run.write(0, &prompt, prior).await
}

/// The calendar is written in blocks of four weeks, all at once.
async fn calendar(run: &Run, prior: &PriorArtefacts) -> Result<Work, RunError> {
    let step = Step::ContentCalendar;
    let feedback = run.feedback(step).await;
    let calls = step.model().map_or(0, |model| model.calls);
    let blocks = join_all((0..calls).map(|block| {
        let prompt = prompts::content_calendar(prior, block).with_feedback(&feedback);
        async move { run.write(block, &prompt, prior).await }
    }))
    .await;
    // Every block runs to its end, for each is paid.
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, RunError>>()?;
    let model_used = blocks.first().map(|block| block.model_used.clone());
    // What a block still breaks, the whole calendar breaks too: its own rules see every week.
    let calendar = ContentCalendar::join(blocks.into_iter().map(|block| block.artefact), prior);
    Ok(Work::Written(vec![Publication { model_used, ..computed(&calendar, prior)? }]))
}

/// The briefs and the calendar that now names them are made public together.
async fn asset_briefs(run: &Run, prior: &PriorArtefacts) -> Result<Work, RunError> {
    let written = write(run, prior, prompts::asset_briefs(prior)).await?;
    let mut publications = vec![publication(&written)?];
    if let Some(calendar) = &prior.content_calendar {
        let linked = calendar.clone().with_briefs(&written.artefact);
        let model_used = Some(written.model_used.clone());
        publications.push(Publication { model_used, ..computed(&linked, prior)? });
    }
    Ok(Work::Written(publications))
}

async fn route_back(run: &Run, prior: &PriorArtefacts) -> Result<Work, RunError> {
    let taken = run.doc().await.route_backs;
    let decisions = decide(prior, &run.findings().await?, &taken, &means(run).await?);
    if decisions.iter().any(|decision| decision.outcome == Outcome::Taken) {
        return Ok(Work::Back(decisions));
    }
    run.note_decisions(decisions).await.map(|()| Work::Nothing)
}

async fn report(run: &Run, prior: &PriorArtefacts) -> Result<Work, RunError> {
    let decisions = run.doc().await.route_backs;
    let (findings, costs) = (run.findings().await?, run.cost_report().await?);
    let report = RunReport::build(prior, &findings, decisions, costs);
    Ok(Work::Written(vec![computed(&report, prior)?]))
}

/// What a route-back may cost: the task's own limit, or what the business's budget still carries.
async fn means(run: &Run) -> Result<Means, RunError> {
    let plan = plan::estimate(run.rules(), &run.account.terms, &run.input, run.now().date())
        .map_err(|error| RunError::Attempt(error.to_string()))?;
    let targets =
        [Target::Research, Target::Positioning, Target::Icp, Target::Strategy, Target::Content];
    let cost = targets.map(|target| {
        let steps = graph::steps_from(graph::first_step(target));
        let again = plan.steps.iter().filter(|step| steps.contains(&step.step));
        (target, again.map(|step| step.cost.expected).sum::<NanoUsd>())
    });
    Ok(Means { left: run.money_left().await?, cost: BTreeMap::from(cost), more_sources: false })
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
fn computed<A: Artefact>(artefact: &A, prior: &PriorArtefacts) -> Result<Publication, RunError> {
    let findings = artefact.check(prior);
    Ok(Publication { kind: A::KIND, content: json(artefact)?, findings, model_used: None })
}

pub(super) fn json<A: Artefact>(artefact: &A) -> Result<serde_json::Value, RunError> {
    serde_json::to_value(artefact)
        .map_err(|error| RunError::Attempt(format!("{} cannot be stored: {error}", A::KIND)))
}
