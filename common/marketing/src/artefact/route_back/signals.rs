//! R1 to R10: the reasons to go back. Every rule uses only existing artefacts, so an early step can
//! be checked alone.

use std::collections::BTreeMap;

use super::{Decision, Means, Signal, Target};
use crate::artefact::{
    Finding, Kind, PriorArtefacts, Severity, clv::PaybackBand, similarity::share,
};

/// The factor by which a tactic plan may exceed budget or hours before it is planned again.
const TOLERANCE: f64 = 1.2;

/// Findings that repairs did not remove.
struct Unrepaired<'a>(&'a BTreeMap<Kind, Vec<Finding>>);

impl Unrepaired<'_> {
    /// The errors of an artefact whose rule passes the test.
    fn errors(&self, kind: Kind, is: impl Fn(&str) -> bool) -> Vec<&Finding> {
        let findings = self.0.get(&kind).into_iter().flatten();
        findings
            .filter(|finding| finding.severity == Severity::Error && is(&finding.rule))
            .collect()
    }
}

pub(super) fn all(
    prior: &PriorArtefacts,
    findings: &BTreeMap<Kind, Vec<Finding>>,
    taken: &[&Decision],
    means: &Means,
) -> Vec<Signal> {
    let unrepaired = Unrepaired(findings);
    [
        r1(prior, means),
        r2(prior, &unrepaired),
        r3(prior, &unrepaired),
        r4(prior, &unrepaired),
        r5(prior, &unrepaired, taken),
        r6(prior),
        r7(prior),
        r8(prior),
        r9(&unrepaired),
        r10(&unrepaired),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn said(findings: &[&Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| format!("{}: {} {}", finding.rule, finding.path, finding.message))
        .collect()
}

/// R1: thin evidence, although more sources could be found.
fn r1(prior: &PriorArtefacts, means: &Means) -> Option<Signal> {
    let evidence = prior.evidence.as_ref()?;
    let thin = evidence.coverage < 0.8 || evidence.claims.len() < 8;
    (thin && means.more_sources).then(|| Signal {
        rule: "R1",
        from: Kind::Evidence,
        to: Target::Research,
        reason: "The evidence is too thin, and more sources can be read.",
        evidence: vec![format!(
            "{} claims, coverage {:.2}",
            evidence.claims.len(),
            evidence.coverage
        )],
        score: Some(evidence.coverage),
    })
}

/// R2: a ladder that could not be repaired, or has no open position.
fn r2(prior: &PriorArtefacts, unrepaired: &Unrepaired<'_>) -> Option<Signal> {
    let ladder = prior.competitor_ladder.as_ref()?;
    let errors = unrepaired.errors(Kind::CompetitorLadder, |_| true);
    (!errors.is_empty() || ladder.open_positions.is_empty()).then(|| Signal {
        rule: "R2",
        from: Kind::CompetitorLadder,
        to: Target::Research,
        reason: "The competitor ladder does not hold, or leaves no position open.",
        evidence: said(&errors),
        score: None,
    })
}

/// R3: no option is good enough, or there are not three.
fn r3(prior: &PriorArtefacts, unrepaired: &Unrepaired<'_>) -> Option<Signal> {
    let positioning = prior.positioning.as_ref()?;
    let best = positioning.options.iter().map(|option| option.score).fold(0.0, f64::max);
    let alike = unrepaired.errors(Kind::Positioning, |rule| rule == "P2");
    (best < 0.60 || !alike.is_empty()).then(|| Signal {
        rule: "R3",
        from: Kind::Positioning,
        to: Target::Positioning,
        reason: "The best positioning scores below 0.60, or the options are not distinct.",
        evidence: std::iter::once(format!("best score {best:.2}")).chain(said(&alike)).collect(),
        score: Some(best),
    })
}

/// R4: every word is owned by a competitor.
fn r4(prior: &PriorArtefacts, unrepaired: &Unrepaired<'_>) -> Option<Signal> {
    let options = prior.positioning.as_ref()?.options.len();
    let taken = unrepaired.errors(Kind::Positioning, |rule| rule == "P5" || rule == "L7");
    let conflicts = (0..options)
        .filter(|i| taken.iter().any(|it| it.path.starts_with(&format!("options[{i}]"))));
    (options > 0 && conflicts.count() == options).then(|| Signal {
        rule: "R4",
        from: Kind::Positioning,
        to: Target::Positioning,
        reason: "Competitors own the words of all options.",
        evidence: said(&taken),
        score: None,
    })
}

/// R5: too few profiles, or none with a high priority: new profiles first, then another position.
fn r5(prior: &PriorArtefacts, unrepaired: &Unrepaired<'_>, taken: &[&Decision]) -> Option<Signal> {
    let icps = prior.icps.as_ref()?;
    let alike = unrepaired.errors(Kind::Icps, |rule| rule == "I1" || rule == "I2");
    let top = icps.icps.iter().map(|icp| icp.priority).fold(0.0, f64::max);
    let again = taken.iter().any(|decision| decision.rule_id == "R5");
    (icps.icps.len() < 3 || !alike.is_empty() || top < 0.55).then(|| Signal {
        rule: "R5",
        from: Kind::Icps,
        to: if again { Target::Positioning } else { Target::Icp },
        reason: "Fewer than three distinct profiles, or none of high priority.",
        evidence: std::iter::once(format!("top priority {top:.2}")).chain(said(&alike)).collect(),
        score: Some(top),
    })
}

/// R6: the position does not address the pains of the primary profiles.
fn r6(prior: &PriorArtefacts) -> Option<Signal> {
    let primary = prior.icps.as_ref()?.primary()?;
    let unserved = primary.pains.iter().filter(|pain| pain.theme_ref.is_none()).count();
    let unserved = share(unserved, primary.pains.len());
    (unserved > 0.5).then(|| Signal {
        rule: "R6",
        from: Kind::Icps,
        to: Target::Positioning,
        reason: "The selected positioning eases less than half of the primary profile's pains.",
        evidence: vec![format!(
            "{:.0} % of the pains of `{}` are unserved",
            unserved * 100.0,
            primary.id
        )],
        score: Some(1.0 - unserved),
    })
}

/// R7: customers cost more than they bring in, by the client's own figures.
fn r7(prior: &PriorArtefacts) -> Option<Signal> {
    let clv = prior.clv.as_ref()?;
    let losing = clv.value.ltv_to_cac.is_some_and(|ratio| ratio < 1.0);
    let never = clv.payback_band == Some(PaybackBand::Never);
    (clv.measured() && (losing || never)).then(|| Signal {
        rule: "R7",
        from: Kind::Clv,
        to: Target::Strategy,
        reason: "A customer brings less than winning one costs: price, place and promotion must change.",
        evidence: vec![format!("value to cost {:.2}", clv.value.ltv_to_cac.unwrap_or_default())],
        score: clv.value.ltv_to_cac,
    })
}

/// R8: the plan needs far more money or hours than available.
fn r8(prior: &PriorArtefacts) -> Option<Signal> {
    let plan = prior.sostac.as_ref().filter(|plan| plan.tactics.is_some())?;
    let brief = &prior.brief;
    let (cost, hours) = (plan.cost_per_month(), plan.hours_per_week());
    let over_budget =
        brief.monthly_marketing_budget.is_some_and(|budget| cost > budget * TOLERANCE);
    let over_hours = brief.team_hours_per_week.is_some_and(|capacity| hours > capacity * TOLERANCE);
    (over_budget || over_hours).then(|| Signal {
        rule: "R8",
        from: Kind::Sostac,
        to: Target::Strategy,
        reason: "The tactics exceed budget or capacity by more than a fifth.",
        evidence: vec![format!("{cost:.0} {} a month, {hours:.1} hours a week", brief.currency)],
        score: None,
    })
}

/// R9: the calendar leaves out profiles or objectives. If profiles and channels do not match, the
/// profiles are repeated.
fn r9(unrepaired: &Unrepaired<'_>) -> Option<Signal> {
    let gaps = unrepaired.errors(Kind::ContentCalendar, |rule| rule == "C3" || rule == "C9");
    let channels = unrepaired.errors(Kind::ContentCalendar, |rule| rule == "C5");
    (!gaps.is_empty()).then(|| Signal {
        rule: "R9",
        from: Kind::ContentCalendar,
        to: if channels.is_empty() { Target::Content } else { Target::Icp },
        reason: "The calendar does not cover every profile, value theme and objective.",
        evidence: said(&gaps),
        score: None,
    })
}

/// R10: the chain from activities to impact is broken.
fn r10(unrepaired: &Unrepaired<'_>) -> Option<Signal> {
    let broken = unrepaired.errors(Kind::Amec, |rule| rule == "A2");
    (!broken.is_empty()).then(|| Signal {
        rule: "R10",
        from: Kind::Amec,
        to: Target::Strategy,
        reason: "The chain from activities to impact does not close.",
        evidence: said(&broken),
        score: None,
    })
}
