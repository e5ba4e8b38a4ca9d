//! Strategy: position, audience, metric, mix, plan.

use domain::phase::Phase;
use marketing::artefact::{Artefact as _, Kind, Upstream};
use marketing::prompts as prompt;

use super::{End, Publication, publish, step};
use crate::engine::{Run, RunError};

pub(super) async fn run(run: &Run, upstream: &mut Upstream) -> Result<End, RunError> {
    step(run, upstream, "positioning", prompt::positioning).await?;
    choose_option(run, upstream).await?;
    step(run, upstream, "icps", prompt::icps).await?;
    step(run, upstream, "north_star", prompt::north_star).await?;
    step(run, upstream, "marketing_7ps", prompt::marketing_7ps).await?;
    step(run, upstream, "sostac_plan", prompt::sostac_plan).await?;
    Ok(End::Next(Phase::Campaign))
}

/// Selects the option the client chose, where it is not the best-scored one anyway.
async fn choose_option(run: &Run, upstream: &mut Upstream) -> Result<(), RunError> {
    let Some(wanted) = &run.input.positioning_option else { return Ok(()) };
    let Some(positioning) = upstream.positioning.clone().filter(|it| it.selected != *wanted) else {
        return Ok(());
    };
    let Some(chosen) = positioning.choose(wanted) else {
        return Err(RunError::Attempt(format!("positioning has no option `{wanted}`")));
    };
    let content =
        serde_json::to_value(&chosen).map_err(|error| RunError::Attempt(error.to_string()))?;
    let findings = chosen.check(upstream);
    let model_used = run.model_of(Kind::Positioning).await?;
    let publication = Publication { kind: Kind::Positioning, content, findings, model_used };
    publish(run, upstream, "positioning", vec![publication]).await
}
