//! Which steps and artefacts a change makes stale, and which are kept, by the table of steps.

use std::collections::BTreeSet;

use domain::step::Step;
use marketing::artefact::{Kind, route_back::Target};

/// The first step that a route-back to `target` repeats.
pub(crate) fn first_step(target: Target) -> Step {
    match target {
        Target::Research => Step::Evidence,
        Target::Positioning => Step::Positioning,
        Target::Icp => Step::Icps,
        Target::Strategy => Step::NorthStar,
        Target::Content => Step::ContentCalendar,
    }
}

/// A step and everything that builds on it.
pub(crate) fn steps_from(first: Step) -> BTreeSet<Step> {
    let mut stale = BTreeSet::new();
    // In the order of running, so that one pass finds everything that builds on the first.
    for step in Step::all() {
        if step == first || step.info().after.iter().any(|earlier| stale.contains(earlier)) {
            stale.insert(step);
        }
    }
    stale
}

/// The steps that must run again when an artefact is written anew: its first writer and what builds
/// on it.
pub(crate) fn affected_by(kind: Kind) -> BTreeSet<Step> {
    Step::writer_of(kind).map(steps_from).unwrap_or_default()
}

/// The artefacts that a run keeps when `stale` steps run again: those that some step which stays
/// has written.
pub(crate) fn reusable(stale: &BTreeSet<Step>) -> Vec<Kind> {
    let kept = Step::all().filter(|step| !stale.contains(step));
    let kept = kept.flat_map(|step| step.info().writes).copied();
    kept.collect::<BTreeSet<Kind>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_positioning_replays_only_later_steps() {
        let stale = steps_from(Step::Icps);
        assert!(stale.contains(&Step::ContentCalendar) && stale.contains(&Step::Report));
        assert!(!stale.contains(&Step::Positioning) && !stale.contains(&Step::Clv));
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
        assert!(affected_by(Kind::Sostac).contains(&Step::Positioning));
        assert!(!affected_by(Kind::Amec).contains(&Step::AssetBriefs));
    }
}
