//! Analytics: how success will be measured, what a customer is worth, whether to go back, and the
//! run's own report.

use std::collections::BTreeMap;

use domain::NanoUsd;
use marketing::artefact::{
    Upstream,
    clv::Clv,
    route_back::{Means, Outcome, Target, decide},
    run_report::RunReport,
};
use marketing::prompts as prompt;

use super::{End, computed, graph, publish, step};
use crate::{
    engine::{Run, RunError},
    plan,
};

pub(super) async fn run(run: &Run, upstream: &mut Upstream) -> Result<End, RunError> {
    step(run, upstream, "amec", prompt::amec).await?;
    if !run.is_done("clv").await {
        let clv = Clv::compute(upstream);
        let publication = computed(&clv, upstream)?;
        publish(run, upstream, "clv", vec![publication]).await?;
    }
    if !run.is_done("route_back").await {
        let decisions = decide(
            upstream,
            &run.findings().await?,
            &run.doc().await.route_backs,
            &means(run).await?,
        );
        if decisions.iter().any(|decision| decision.outcome == Outcome::Taken) {
            return Ok(End::Back(decisions));
        }
        run.note_decisions(decisions).await?;
    }
    if !run.is_done("report").await {
        let decisions = run.doc().await.route_backs;
        let report =
            RunReport::build(upstream, &run.findings().await?, decisions, run.cost_report().await?);
        let publication = computed(&report, upstream)?;
        publish(run, upstream, "report", vec![publication]).await?;
    }
    Ok(End::Done)
}

/// What a route-back may cost: the task's own limit, or what the business's budget still carries.
async fn means(run: &Run) -> Result<Means, RunError> {
    let plan = plan::estimate(run.rules(), &run.account.terms, &run.input, run.now().date())
        .map_err(|error| RunError::Attempt(error.to_string()))?;
    let targets =
        [Target::Research, Target::Positioning, Target::Icp, Target::Strategy, Target::Content];
    let cost = targets.map(|target| {
        let steps = graph::steps_from(graph::first_step(target));
        let again = plan
            .steps
            .iter()
            .filter(|step| steps.contains(step.step))
            .map(|step| step.cost.expected);
        (target, again.sum::<NanoUsd>())
    });
    Ok(Means { left: run.money_left().await?, cost: BTreeMap::from(cost), more_sources: false })
}
