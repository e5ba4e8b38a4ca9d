//! The summary of the report: three bets, the next 90 days, and the risks.

use super::{Block, heading, list};
use crate::artefact::{
    PriorArtefacts,
    sostac::{Action, Sostac},
};

/// The most entries of each list of the summary.
const MOST: usize = 5;

pub(super) fn add(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    blocks.push(heading(2, "Summary"));
    if let Some(report) = prior.run_report.as_ref().filter(|report| !report.unresolved.is_empty()) {
        let unresolved = report.unresolved.len();
        blocks.push(Block::Note(format!(
            "{unresolved} findings were not resolved; they are listed at the end."
        )));
    }
    section(blocks, "Three bets", bets(prior));
    section(blocks, "The next 90 days", priorities(prior));
    section(blocks, "Key risks", risks(prior));
}

fn section(blocks: &mut Vec<Block>, title: &str, entries: Vec<String>) {
    if !entries.is_empty() {
        blocks.push(heading(3, title));
        blocks.push(list(entries.into_iter().take(MOST)));
    }
}

/// The main bets of the plan: a position, a group of buyers, a way to grow.
fn bets(prior: &PriorArtefacts) -> Vec<String> {
    let position = prior.selected_option().map(|option| format!("Position: {}", option.one_liner));
    let profile = prior.icps.as_ref().and_then(|icps| icps.primary());
    let profile = profile.map(|icp| format!("First customers: {} ({})", icp.name, icp.one_line));
    let strategy = prior.sostac.as_ref().and_then(|plan| plan.strategy.as_ref());
    let growth = strategy.map(|strategy| format!("Growth: {}", strategy.value_proposition));
    position.into_iter().chain(profile).chain(growth).collect()
}

fn priorities(prior: &PriorArtefacts) -> Vec<String> {
    let mut actions: Vec<_> = prior.sostac.iter().flat_map(Sostac::actions).collect();
    actions.sort_by_key(|action| action.start_week);
    let said = |action: &&Action| {
        format!(
            "Weeks {} to {}: {} ({})",
            action.start_week, action.end_week, action.task, action.owner_role
        )
    };
    actions.iter().map(said).collect()
}

fn risks(prior: &PriorArtefacts) -> Vec<String> {
    let position =
        prior.selected_option().into_iter().flat_map(|option| option.risks.iter().cloned());
    let threats = prior.situation_analysis.iter().flat_map(|analysis| &analysis.external.threats);
    position.chain(threats.map(|threat| threat.text.clone())).collect()
}
