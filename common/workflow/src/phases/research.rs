//! Research: what the business's own words and kept texts prove, its situation, and who else is in
//! the buyer's mind.

use domain::phase::Phase;
use marketing::artefact::Upstream;
use marketing::prompts as prompt;

use super::{End, publication, publish, step};
use crate::engine::{Run, RunError};

pub(super) async fn run(run: &Run, upstream: &mut Upstream) -> Result<End, RunError> {
    // The brief was judged when the task was accepted; the step marks what the run builds on.
    if !run.is_done("intake").await {
        run.gather(&upstream.brief).await?;
        *upstream = run.upstream().await?;
    }
    step(run, upstream, "evidence", prompt::evidence).await?;
    situation_and_ladder(run, upstream).await?;
    step(run, upstream, "sostac_opening", prompt::sostac_opening).await?;
    Ok(End::Next(Phase::Strategy))
}

/// Both build on the evidence alone, so they are written at once.
async fn situation_and_ladder(run: &Run, upstream: &mut Upstream) -> Result<(), RunError> {
    let situation = async {
        if run.is_done("situation_analysis").await {
            return Ok(None);
        }
        let feedback = run.feedback("situation_analysis").await;
        let prompt = prompt::situation_analysis(upstream).with_feedback(&feedback);
        let written = run.write("situation_analysis", 0, &prompt, upstream).await?;
        publication(&written).map(Some)
    };
    let ladder = async {
        if run.is_done("competitor_ladder").await {
            return Ok(None);
        }
        let feedback = run.feedback("competitor_ladder").await;
        let prompt = prompt::competitor_ladder(upstream).with_feedback(&feedback);
        let written = run.write("competitor_ladder", 0, &prompt, upstream).await?;
        publication(&written).map(Some)
    };
    let (situation, ladder) = futures::join!(situation, ladder);
    // One may have failed: the other is published all the same, for it is paid.
    let mut failed = None;
    for (name, result) in [("situation_analysis", situation), ("competitor_ladder", ladder)] {
        match result {
            Ok(Some(publication)) => publish(run, upstream, name, vec![publication]).await?,
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}
