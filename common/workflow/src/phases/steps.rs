//! What each step does: asks a model, or computes.

use std::collections::BTreeMap;

use domain::{NanoUsd, step::Step};
use futures::future::join_all;
use marketing::{
    artefact::{
        Artefact, Draft, Upstream,
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
pub(super) async fn work(run: &Run, upstream: &Upstream, step: Step) -> Result<Work, RunError> {
    if run.is_done(step).await {
        return Ok(Work::Nothing);
    }
    match step {
        // The brief was judged when the task was accepted; the step marks what the run builds on.
        Step::Intake => run.gather(&upstream.brief).await.map(|()| Work::Gathered),
        Step::Evidence => answer(run, upstream, prompts::evidence(upstream)).await,
        Step::SituationAnalysis => {
            answer(run, upstream, prompts::situation_analysis(upstream)).await
        }
        Step::CompetitorLadder => answer(run, upstream, prompts::competitor_ladder(upstream)).await,
        Step::SostacOpening => answer(run, upstream, prompts::sostac_opening(upstream)).await,
        Step::Positioning => answer(run, upstream, prompts::positioning(upstream)).await,
        Step::Icps => answer(run, upstream, prompts::icps(upstream)).await,
        Step::NorthStar => answer(run, upstream, prompts::north_star(upstream)).await,
        Step::Marketing7ps => answer(run, upstream, prompts::marketing_7ps(upstream)).await,
        Step::SostacPlan => answer(run, upstream, prompts::sostac_plan(upstream)).await,
        Step::ContentCalendar => calendar(run, upstream).await,
        Step::AssetBriefs => asset_briefs(run, upstream).await,
        Step::Amec => answer(run, upstream, prompts::amec(upstream)).await,
        Step::Clv => Ok(Work::Written(vec![computed(&Clv::compute(upstream), upstream)?])),
        Step::RouteBack => route_back(run, upstream).await,
        Step::Report => report(run, upstream).await,
    }
}

/// A step of one model call, whose draft becomes one artefact.
async fn answer<D: Draft>(
    run: &Run,
    upstream: &Upstream,
    prompt: Prompt<D>,
) -> Result<Work, RunError> {
    let written = write(run, upstream, prompt).await?;
    Ok(Work::Written(vec![publication(&written)?]))
}

async fn write<D: Draft>(
    run: &Run,
    upstream: &Upstream,
    prompt: Prompt<D>,
) -> Result<Written<D::Artefact>, RunError> {
    let feedback = run.feedback(prompt.step).await;
    let prompt = prompt.with_feedback(&feedback);
    run.write(0, &prompt, upstream).await
}

/// The calendar is written in blocks of four weeks, all at once.
async fn calendar(run: &Run, upstream: &Upstream) -> Result<Work, RunError> {
    let step = Step::ContentCalendar;
    let feedback = run.feedback(step).await;
    let calls = step.model().map_or(0, |model| model.calls);
    let blocks = join_all((0..calls).map(|block| {
        let prompt = prompts::content_calendar(upstream, block).with_feedback(&feedback);
        async move { run.write(block, &prompt, upstream).await }
    }))
    .await;
    // Every block runs to its end, for each is paid.
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, RunError>>()?;
    let model_used = blocks.first().map(|block| block.model_used.clone());
    // What a block still breaks, the whole calendar breaks too: its own rules see every week.
    let calendar = ContentCalendar::join(blocks.into_iter().map(|block| block.artefact), upstream);
    Ok(Work::Written(vec![Publication { model_used, ..computed(&calendar, upstream)? }]))
}

/// The briefs and the calendar that now names them are made public together.
async fn asset_briefs(run: &Run, upstream: &Upstream) -> Result<Work, RunError> {
    let written = write(run, upstream, prompts::asset_briefs(upstream)).await?;
    let mut publications = vec![publication(&written)?];
    if let Some(calendar) = &upstream.content_calendar {
        let linked = calendar.clone().with_briefs(&written.artefact);
        let model_used = Some(written.model_used.clone());
        publications.push(Publication { model_used, ..computed(&linked, upstream)? });
    }
    Ok(Work::Written(publications))
}

async fn route_back(run: &Run, upstream: &Upstream) -> Result<Work, RunError> {
    let taken = run.doc().await.route_backs;
    let decisions = decide(upstream, &run.findings().await?, &taken, &means(run).await?);
    if decisions.iter().any(|decision| decision.outcome == Outcome::Taken) {
        return Ok(Work::Back(decisions));
    }
    run.note_decisions(decisions).await.map(|()| Work::Nothing)
}

async fn report(run: &Run, upstream: &Upstream) -> Result<Work, RunError> {
    let decisions = run.doc().await.route_backs;
    let (findings, costs) = (run.findings().await?, run.cost_report().await?);
    let report = RunReport::build(upstream, &findings, decisions, costs);
    Ok(Work::Written(vec![computed(&report, upstream)?]))
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
fn computed<A: Artefact>(artefact: &A, upstream: &Upstream) -> Result<Publication, RunError> {
    let findings = artefact.check(upstream);
    Ok(Publication { kind: A::KIND, content: json(artefact)?, findings, model_used: None })
}

pub(super) fn json<A: Artefact>(artefact: &A) -> Result<serde_json::Value, RunError> {
    serde_json::to_value(artefact)
        .map_err(|error| RunError::Attempt(format!("{} cannot be stored: {error}", A::KIND)))
}
