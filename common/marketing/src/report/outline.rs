//! The content of a report, independent of the format.

mod appendix;
mod campaign;
mod strategy;
mod summary;

use super::{ReportHead, SIMULATED};
use crate::artefact::PriorArtefacts;

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
pub(super) fn of(prior: &PriorArtefacts, head: &ReportHead) -> Vec<Block> {
    let mut blocks = vec![heading(1, format!("{}: marketing analysis", prior.brief.name))];
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
    summary::add(&mut blocks, prior);
    strategy::positioning(&mut blocks, prior);
    strategy::icps(&mut blocks, prior);
    strategy::plan(&mut blocks, prior);
    campaign::calendar(&mut blocks, prior);
    campaign::measurement(&mut blocks, prior);
    appendix::evidence(&mut blocks, prior);
    appendix::assumptions(&mut blocks, prior);
    appendix::run(&mut blocks, prior);
    blocks
}

fn heading(level: u8, text: impl Into<String>) -> Block {
    Block::Heading(level, text.into())
}

fn list<T: Into<String>>(entries: impl IntoIterator<Item = T>) -> Block {
    Block::List(entries.into_iter().map(Into::into).collect())
}
