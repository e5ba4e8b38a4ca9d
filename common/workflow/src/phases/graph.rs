//! What each step reads and writes: what a change makes stale, and what may be kept.

use std::collections::BTreeSet;

use domain::phase::{Phase, Step};
use marketing::artefact::{Kind, route_back::Target};

/// A step, the steps it builds on, and the artefacts it writes.
struct Node {
    step: &'static str,
    reads: &'static [&'static str],
    writes: &'static [Kind],
}

const fn node(step: &'static str, reads: &'static [&'static str], writes: &'static [Kind]) -> Node {
    Node { step, reads, writes }
}

/// In the order of running, so that one pass finds everything downstream.
const GRAPH: [Node; 16] = [
    node("intake", &[], &[]),
    node("evidence", &["intake"], &[Kind::Evidence]),
    node("situation_analysis", &["evidence"], &[Kind::SituationAnalysis]),
    node("competitor_ladder", &["evidence"], &[Kind::CompetitorLadder]),
    node("sostac_opening", &["situation_analysis", "competitor_ladder"], &[Kind::Sostac]),
    node("positioning", &["sostac_opening"], &[Kind::Positioning]),
    node("icps", &["positioning"], &[Kind::Icps]),
    node("north_star", &["icps"], &[Kind::NorthStar]),
    node("marketing_7ps", &["icps", "north_star"], &[Kind::Marketing7ps]),
    node(
        "sostac_plan",
        &["sostac_opening", "icps", "north_star", "marketing_7ps"],
        &[Kind::Sostac],
    ),
    node("content_calendar", &["sostac_plan"], &[Kind::ContentCalendar]),
    node("asset_briefs", &["content_calendar"], &[Kind::AssetBriefs, Kind::ContentCalendar]),
    node("amec", &["sostac_plan", "asset_briefs"], &[Kind::Amec]),
    node("clv", &["intake"], &[Kind::Clv]),
    node("route_back", &["amec", "clv"], &[]),
    node("report", &["route_back"], &[Kind::RunReport]),
];

/// The first step that a route-back to `target` repeats.
pub(crate) fn first_step(target: Target) -> &'static str {
    match target {
        Target::Research => "evidence",
        Target::Positioning => "positioning",
        Target::Icp => "icps",
        Target::Strategy => "north_star",
        Target::Content => "content_calendar",
    }
}

/// A step and everything that builds on it.
pub(crate) fn steps_from(first: &str) -> BTreeSet<&'static str> {
    let mut stale = BTreeSet::new();
    for node in &GRAPH {
        if node.step == first || node.reads.iter().any(|read| stale.contains(read)) {
            stale.insert(node.step);
        }
    }
    stale
}

/// The step that first writes an artefact.
pub(crate) fn writer_of(kind: Kind) -> Option<&'static str> {
    GRAPH.iter().find(|node| node.writes.contains(&kind)).map(|node| node.step)
}

/// The steps that must run again when an artefact is written anew: its first writer and what builds
/// on it.
pub(crate) fn affected_by(kind: Kind) -> BTreeSet<&'static str> {
    writer_of(kind).map(steps_from).unwrap_or_default()
}

/// The artefacts that a run keeps when `stale` steps run again: those that some step which stays
/// has written.
pub(crate) fn reusable(stale: &BTreeSet<&'static str>) -> Vec<Kind> {
    let kept = GRAPH.iter().filter(|node| !stale.contains(node.step)).flat_map(|node| node.writes);
    kept.copied().collect::<BTreeSet<Kind>>().into_iter().collect()
}

/// The phase a step belongs to.
pub(crate) fn phase_of(step: &str) -> Phase {
    domain::phase::step_named(step).map_or(Phase::Research, |(phase, _): (Phase, &Step)| phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_holds_every_step_once_and_in_order() {
        let steps: Vec<_> =
            Phase::ALL.into_iter().flat_map(Phase::steps).map(|step| step.name).collect();
        assert_eq!(GRAPH.iter().map(|node| node.step).collect::<Vec<_>>(), steps);
        for (index, node) in GRAPH.iter().enumerate() {
            assert!(
                node.reads
                    .iter()
                    .all(|read| GRAPH[..index].iter().any(|earlier| earlier.step == *read))
            );
        }
    }

    #[test]
    fn a_new_positioning_keeps_the_research_and_replays_what_builds_on_it() {
        let stale = steps_from("icps");
        assert!(stale.contains("content_calendar") && stale.contains("report"));
        assert!(!stale.contains("positioning") && !stale.contains("clv"));
        let kept = reusable(&stale);
        assert!(
            kept.contains(&Kind::Evidence)
                && kept.contains(&Kind::Positioning)
                && kept.contains(&Kind::Sostac)
        );
        assert!(!kept.contains(&Kind::Icps) && !kept.contains(&Kind::RunReport));
    }

    #[test]
    fn writing_the_plan_anew_starts_where_it_is_opened() {
        assert!(affected_by(Kind::Sostac).contains("positioning"));
        assert!(!affected_by(Kind::Amec).contains("asset_briefs"));
    }
}
