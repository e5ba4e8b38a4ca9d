//! The content of a report, independent of the format.

mod appendix;
mod campaign;
mod strategy;
mod summary;

use super::{ReportHead, SIMULATED};
use crate::artefact::Upstream;

/// A block of a report. Texts are plain; the renderer of a format escapes them.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Block {
    /// A heading of level 1 to 3.
    Heading(u8, String),
    /// A paragraph.
    Paragraph(String),
    /// A note that stands out.
    Note(String),
    /// A list.
    List(Vec<String>),
    /// A list of texts, each with an optional address.
    Links(Vec<(String, Option<String>)>),
    /// A table with its header row.
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

/// The report of a run, with its parts in the order of a reader's decisions. Parts that the run did
/// not reach are left out.
pub(super) fn of(upstream: &Upstream, head: &ReportHead) -> Vec<Block> {
    let mut blocks = vec![heading(1, format!("{}: marketing analysis", upstream.brief.name))];
    if head.simulated {
        blocks.push(Block::Note(SIMULATED.into()));
    }
    let models =
        if head.models_used.is_empty() { "none".into() } else { head.models_used.join(", ") };
    blocks.push(Block::Paragraph(format!(
        "Analysis {}, {}. Cost {} USD. Models: {models}.",
        head.task_id,
        head.generated_at.day(),
        head.total_cost
    )));
    summary::add(&mut blocks, upstream);
    strategy::positioning(&mut blocks, upstream);
    strategy::icps(&mut blocks, upstream);
    strategy::plan(&mut blocks, upstream);
    campaign::calendar(&mut blocks, upstream);
    campaign::measurement(&mut blocks, upstream);
    appendix::evidence(&mut blocks, upstream);
    appendix::assumptions(&mut blocks, upstream);
    appendix::run(&mut blocks, upstream);
    blocks
}

fn heading(level: u8, text: impl Into<String>) -> Block {
    Block::Heading(level, text.into())
}

fn list<T: Into<String>>(entries: impl IntoIterator<Item = T>) -> Block {
    Block::List(entries.into_iter().map(Into::into).collect())
}
