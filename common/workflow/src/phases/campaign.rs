//! Campaign: twelve weeks of content, and a brief for each of its hero pieces.

use domain::phase::Phase;
use marketing::artefact::{Artefact, Upstream, content_calendar::ContentCalendar};
use marketing::prompts as prompt;

use super::{End, Publication, computed, json, publication, publish};
use crate::engine::{Run, RunError};

/// The calendar is written in blocks of four weeks, all at once.
const BLOCKS: [u32; 3] = [0, 1, 2];

pub(super) async fn run(run: &Run, upstream: &mut Upstream) -> Result<End, RunError> {
    calendar(run, upstream).await?;
    briefs(run, upstream).await?;
    Ok(End::Next(Phase::Analytics))
}

async fn calendar(run: &Run, upstream: &mut Upstream) -> Result<(), RunError> {
    if run.is_done("content_calendar").await {
        return Ok(());
    }
    let feedback = run.feedback("content_calendar").await;
    let view: &Upstream = upstream;
    let blocks = futures::future::join_all(BLOCKS.map(|block| {
        let prompt = prompt::content_calendar(view, block).with_feedback(&feedback);
        async move { run.write("content_calendar", block, &prompt, view).await }
    }))
    .await;
    let blocks = blocks.into_iter().collect::<Result<Vec<_>, RunError>>()?;
    let model_used = blocks.first().map(|block| block.model_used.clone());
    // What a block still breaks, the whole calendar breaks too: its own rules see every week.
    let calendar = ContentCalendar::join(blocks.into_iter().map(|block| block.artefact), upstream);
    let whole = Publication { model_used, ..computed(&calendar, upstream)? };
    publish(run, upstream, "content_calendar", vec![whole]).await
}

/// The briefs and the calendar that now names them are made public together.
async fn briefs(run: &Run, upstream: &mut Upstream) -> Result<(), RunError> {
    if run.is_done("asset_briefs").await {
        return Ok(());
    }
    let prompt = prompt::asset_briefs(upstream).with_feedback(&run.feedback("asset_briefs").await);
    let written = run.write("asset_briefs", 0, &prompt, upstream).await?;
    let mut publications = vec![publication(&written)?];
    if let Some(calendar) = upstream.content_calendar.clone() {
        let linked = calendar.with_briefs(&written.artefact);
        publications.push(Publication {
            kind: ContentCalendar::KIND,
            content: json(&linked)?,
            findings: linked.check(upstream),
            model_used: Some(written.model_used.clone()),
        });
    }
    publish(run, upstream, "asset_briefs", publications).await
}
