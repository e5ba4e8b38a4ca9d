//!
//! A run goes back at most twice, and each rule routes back once (R5 twice: first to profiles, then
//! to positioning). Of several reasons the one for the earliest step wins, because it repeats the
//! later steps as well.

mod signals;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Finding, Kind, PriorArtefacts};
use domain::NanoUsd;

/// The most route-backs of a run.
pub const MAX_ROUTE_BACKS: usize = 2;
/// The least improvement of the score that a route-back must bring.
const MIN_IMPROVEMENT: f64 = 0.05;

/// A step that a run can go back to, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Evidence, situation analysis and competitor ladder.
    Research,
    /// Positioning.
    Positioning,
    /// Customer profiles.
    Icp,
    /// Marketing mix, tactics and metrics.
    Strategy,
    /// Calendar and creative briefs.
    Content,
}

/// A route-back that was considered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The rule that requested it.
    pub rule_id: String,
    /// The artefact at which the run was.
    pub from: Kind,
    /// The step to go back to.
    pub to: Target,
    /// The reason in one sentence.
    pub reason: String,
    /// The figures or findings that support it.
    pub evidence: Vec<String>,
    /// Which route-back of the run it would be, from 1.
    pub attempt: usize,
    /// The score that the rule used, if any: the repeat must improve it.
    pub score: Option<f64>,
    /// The decision.
    pub outcome: Outcome,
}

/// The decision about a route-back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The run goes back.
    Taken,
    /// The run goes back to an earlier step, which repeats this one too.
    Covered,
    /// The rule has already routed back.
    AlreadyTried,
    /// The run has gone back as often as allowed.
    LimitReached,
    /// R11: the remaining money does not pay for it.
    TooExpensive,
    /// An earlier route-back did not help enough; a person should look.
    NeedsHuman,
}

/// The means that are left for a route-back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Means {
    /// Money left in the run.
    pub left: NanoUsd,
    /// The cost of going back to each step; a step without a figure is unaffordable.
    pub cost: BTreeMap<Target, NanoUsd>,
    /// Whether research could find sources that it has not read yet.
    pub more_sources: bool,
}

/// A reason to go back.
struct Signal {
    rule: &'static str,
    from: Kind,
    to: Target,
    reason: &'static str,
    evidence: Vec<String>,
    score: Option<f64>,
}

pub fn decide(
    prior: &PriorArtefacts,
    findings: &BTreeMap<Kind, Vec<Finding>>,
    history: &[Decision],
    means: &Means,
) -> Vec<Decision> {
    let taken: Vec<&Decision> =
        history.iter().filter(|decision| decision.outcome == Outcome::Taken).collect();
    let mut signals = signals::all(prior, findings, &taken, means);
    signals.sort_by_key(|signal| signal.to);
    let mut going_back = false;
    let mut decisions = Vec::with_capacity(signals.len());
    for signal in signals {
        let outcome = if going_back { Outcome::Covered } else { outcome(&signal, &taken, means) };
        going_back |= outcome == Outcome::Taken;
        decisions.push(Decision {
            rule_id: signal.rule.into(),
            from: signal.from,
            to: signal.to,
            reason: signal.reason.into(),
            evidence: signal.evidence,
            attempt: taken.len() + 1,
            score: signal.score,
            outcome,
        });
    }
    decisions
}

fn outcome(signal: &Signal, taken: &[&Decision], means: &Means) -> Outcome {
    let mut before =
        taken.iter().filter(|decision| decision.rule_id == signal.rule && decision.to == signal.to);
    let improved = |earlier: &Decision| match (earlier.score, signal.score) {
        (Some(then), Some(now)) => now >= then + MIN_IMPROVEMENT,
        (None, _) | (_, None) => true,
    };
    let affordable = means.cost.get(&signal.to).is_some_and(|cost| *cost <= means.left);
    if let Some(earlier) = before.next() {
        if improved(earlier) { Outcome::AlreadyTried } else { Outcome::NeedsHuman }
    } else if taken.len() >= MAX_ROUTE_BACKS {
        Outcome::LimitReached
    } else if affordable {
        Outcome::Taken
    } else {
        Outcome::TooExpensive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        artefact::{Severity, fixture},
        brief::{Source, Sourced},
    };

    fn means() -> Means {
        let targets =
            [Target::Research, Target::Positioning, Target::Icp, Target::Strategy, Target::Content];
        let cost = targets.into_iter().map(|target| (target, NanoUsd(100))).collect();
        Means { left: NanoUsd(1000), cost, more_sources: true }
    }

    fn error(rule: &str, path: &str) -> Finding {
        Finding {
            rule: rule.into(),
            severity: Severity::Error,
            path: path.into(),
            message: "is wrong".into(),
        }
    }

    fn left(kind: Kind, findings: &[Finding]) -> BTreeMap<Kind, Vec<Finding>> {
        BTreeMap::from([(kind, findings.to_vec())])
    }

    /// The rules with a decision, their targets and outcomes.
    fn said(decisions: &[Decision]) -> Vec<(&str, Target, Outcome)> {
        decisions.iter().map(|it| (it.rule_id.as_str(), it.to, it.outcome)).collect()
    }

    fn check(
        change: impl FnOnce(&mut PriorArtefacts),
        findings: &BTreeMap<Kind, Vec<Finding>>,
        expect: &[(&str, Target)],
    ) {
        let mut world = fixture::world();
        change(&mut world);
        let decisions = decide(&world, findings, &[], &means());
        let spoke: Vec<_> = decisions.iter().map(|it| (it.rule_id.as_str(), it.to)).collect();
        assert_eq!(spoke, expect);
        let taken = decisions.iter().filter(|decision| decision.outcome == Outcome::Taken).count();
        assert_eq!(taken, usize::from(!expect.is_empty()));
    }

    fn unpromising(prior: &mut PriorArtefacts) {
        prior.icps.as_mut().unwrap().icps.iter_mut().for_each(|icp| icp.priority = 0.5);
    }

    #[test]
    fn a_sound_run_is_not_routed_back() {
        check(|_| (), &BTreeMap::new(), &[]);
    }

    #[test]
    fn each_rule_routes_back() {
        let none = BTreeMap::new();
        check(
            |up| up.evidence.as_mut().unwrap().coverage = 0.7,
            &none,
            &[("R1", Target::Research)],
        );
        check(
            |up| up.competitor_ladder.as_mut().unwrap().open_positions.clear(),
            &none,
            &[("R2", Target::Research)],
        );
        check(
            |_| (),
            &left(Kind::CompetitorLadder, &[error("L2", "ladders[0]")]),
            &[("R2", Target::Research)],
        );
        let all_low = |up: &mut PriorArtefacts| {
            up.positioning
                .as_mut()
                .unwrap()
                .options
                .iter_mut()
                .for_each(|option| option.score = 0.5);
        };
        check(all_low, &none, &[("R3", Target::Positioning)]);
        check(
            |_| (),
            &left(Kind::Positioning, &[error("P2", "options[1]")]),
            &[("R3", Target::Positioning)],
        );
        let words = [0, 1, 2].map(|i| error("P5", &format!("options[{i}].word_to_own")));
        check(|_| (), &left(Kind::Positioning, &words), &[("R4", Target::Positioning)]);
        check(|_| (), &left(Kind::Positioning, &words[..2]), &[]);
        check(unpromising, &none, &[("R5", Target::Icp)]);
        let unserved = |up: &mut PriorArtefacts| {
            up.icps.as_mut().unwrap().icps[0]
                .profile
                .pains
                .iter_mut()
                .for_each(|pain| pain.theme_ref = None);
        };
        check(unserved, &none, &[("R6", Target::Positioning)]);
        check(
            |up| up.brief.monthly_marketing_budget = Some(1000.0),
            &none,
            &[("R8", Target::Strategy)],
        );
        check(|up| up.brief.team_hours_per_week = Some(5.0), &none, &[("R8", Target::Strategy)]);
        check(
            |_| (),
            &left(Kind::ContentCalendar, &[error("C9", "weeks")]),
            &[("R9", Target::Content)],
        );
        let mismatch = [error("C3", "weeks"), error("C5", "weeks[0].items[0]")];
        check(|_| (), &left(Kind::ContentCalendar, &mismatch), &[("R9", Target::Icp)]);
        check(|_| (), &left(Kind::Amec, &[error("A2", "impact[0]")]), &[("R10", Target::Strategy)]);
    }

    #[test]
    fn only_measured_losses_route_back() {
        let losing = |source| {
            move |up: &mut PriorArtefacts| {
                up.brief.unit_economics.as_mut().unwrap().cac =
                    Some(Sourced { value: 9000.0, source });
                up.clv = Some(crate::artefact::clv::Clv::compute(up));
            }
        };
        check(losing(Source::User), &BTreeMap::new(), &[("R7", Target::Strategy)]);
        check(losing(Source::Assumed), &BTreeMap::new(), &[]);
    }

    #[test]
    fn the_earliest_step_wins_and_covers_the_others() {
        let mut world = fixture::world();
        world.brief.monthly_marketing_budget = Some(1000.0);
        unpromising(&mut world);
        let decisions = decide(&world, &BTreeMap::new(), &[], &means());
        assert_eq!(
            said(&decisions),
            [("R5", Target::Icp, Outcome::Taken), ("R8", Target::Strategy, Outcome::Covered),]
        );
    }

    #[test]
    fn a_rule_routes_back_once_and_a_run_twice() {
        let mut world = fixture::world();
        world.brief.monthly_marketing_budget = Some(1000.0);
        let first = decide(&world, &BTreeMap::new(), &[], &means());
        assert_eq!(said(&first), [("R8", Target::Strategy, Outcome::Taken)]);
        let second = decide(&world, &BTreeMap::new(), &first, &means());
        assert_eq!(said(&second), [("R8", Target::Strategy, Outcome::AlreadyTried)]);

        let other = left(Kind::ContentCalendar, &[error("C9", "weeks")]);
        world.brief.monthly_marketing_budget = None;
        let third = decide(&world, &other, &first, &means());
        assert_eq!(
            (said(&third), third[0].attempt),
            (vec![("R9", Target::Content, Outcome::Taken)], 2)
        );
        let history: Vec<Decision> = first.into_iter().chain(third).collect();
        let fourth =
            decide(&world, &left(Kind::Amec, &[error("A2", "impact")]), &history, &means());
        assert_eq!(said(&fourth), [("R10", Target::Strategy, Outcome::LimitReached)]);
    }

    #[test]
    fn profiles_that_stay_weak_route_back_to_positioning() {
        let mut world = fixture::world();
        unpromising(&mut world);
        let first = decide(&world, &BTreeMap::new(), &[], &means());
        let second = decide(&world, &BTreeMap::new(), &first, &means());
        assert_eq!(said(&second), [("R5", Target::Positioning, Outcome::Taken)]);
    }

    #[test]
    fn a_repeat_that_did_not_help_needs_a_person() {
        let mut world = fixture::world();
        let low = |world: &mut PriorArtefacts, score| {
            world
                .positioning
                .as_mut()
                .unwrap()
                .options
                .iter_mut()
                .for_each(|option| option.score = score);
        };
        low(&mut world, 0.40);
        let first = decide(&world, &BTreeMap::new(), &[], &means());
        low(&mut world, 0.43);
        assert_eq!(
            said(&decide(&world, &BTreeMap::new(), &first, &means()))[0].2,
            Outcome::NeedsHuman
        );
        low(&mut world, 0.50);
        assert_eq!(
            said(&decide(&world, &BTreeMap::new(), &first, &means()))[0].2,
            Outcome::AlreadyTried
        );
    }

    #[test]
    fn a_run_without_money_is_delivered_as_it_is() {
        let mut world = fixture::world();
        world.brief.monthly_marketing_budget = Some(1000.0);
        let decisions =
            decide(&world, &BTreeMap::new(), &[], &Means { left: NanoUsd(99), ..means() });
        assert_eq!(said(&decisions), [("R8", Target::Strategy, Outcome::TooExpensive)]);
    }
}
