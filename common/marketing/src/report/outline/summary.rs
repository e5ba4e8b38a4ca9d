//! The summary of the report: three bets, the next 90 days, and the risks.

use super::{Block, heading, list};
use crate::artefact::{
    Upstream,
    sostac::{Action, Sostac},
};

/// The most entries of each list of the summary.
const MOST: usize = 5;

pub(super) fn add(blocks: &mut Vec<Block>, upstream: &Upstream) {
    blocks.push(heading(2, "Summary"));
    if let Some(report) =
        upstream.run_report.as_ref().filter(|report| !report.unresolved.is_empty())
    {
        let unresolved = report.unresolved.len();
        blocks.push(Block::Note(format!(
            "{unresolved} findings were not resolved; they are listed at the end."
        )));
    }
    section(blocks, "Three bets", bets(upstream));
    section(blocks, "The next 90 days", priorities(upstream));
    section(blocks, "Key risks", risks(upstream));
}

fn section(blocks: &mut Vec<Block>, title: &str, entries: Vec<String>) {
    if !entries.is_empty() {
        blocks.push(heading(3, title));
        blocks.push(list(entries.into_iter().take(MOST)));
    }
}

/// The main bets of the plan: a position, a group of buyers, a way to grow.
fn bets(upstream: &Upstream) -> Vec<String> {
    let position =
        upstream.selected_option().map(|option| format!("Position: {}", option.one_liner));
    let profile = upstream.icps.as_ref().and_then(|icps| icps.primary());
    let profile = profile.map(|icp| format!("First customers: {} ({})", icp.name, icp.one_line));
    let strategy = upstream.sostac.as_ref().and_then(|plan| plan.strategy.as_ref());
    let growth = strategy.map(|strategy| format!("Growth: {}", strategy.value_proposition));
    position.into_iter().chain(profile).chain(growth).collect()
}

fn priorities(upstream: &Upstream) -> Vec<String> {
    let mut actions: Vec<_> = upstream.sostac.iter().flat_map(Sostac::actions).collect();
    actions.sort_by_key(|action| action.start_week);
    let said = |action: &&Action| {
        format!(
            "Weeks {} to {}: {} ({})",
            action.start_week, action.end_week, action.task, action.owner_role
        )
    };
    actions.iter().map(said).collect()
}

fn risks(upstream: &Upstream) -> Vec<String> {
    let position =
        upstream.selected_option().into_iter().flat_map(|option| option.risks.iter().cloned());
    let threats =
        upstream.situation_analysis.iter().flat_map(|analysis| &analysis.external.threats);
    position.chain(threats.map(|threat| threat.text.clone())).collect()
}
