//! The rules SO1 to SO11. The rules about the plan apply once its second part exists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;

use super::{Control, Objective, ObjectiveLevel, Sostac, Strategy};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    graph::on_a_cycle,
    grounds::{Grounds, refer, refer_all},
    wording,
};

/// Weeks of the action plan; 13 cover its 30, 60 and 90 days.
const WEEKS: u32 = 13;

pub(super) fn check(plan: &Sostac, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let grounds = Grounds::new(prior, &plan.assumptions);
    wording::check(&mut findings, plan);
    findings.length("situation.summary", &plan.situation.summary, 40..=800);
    findings.count("shape", "situation.insights", plan.situation.insights.len(), 3..=7);
    wording::distinct(
        &mut findings,
        "G8",
        "situation.insights",
        plan.situation.insights.iter().map(|it| it.text.as_str()),
    );
    for (i, insight) in plan.situation.insights.iter().enumerate() {
        grounds.demand(
            &mut findings,
            "SO1",
            &format!("situation.insights[{i}].basis"),
            &insight.basis,
        );
    }
    check_objectives(&mut findings, &plan.objectives, prior);
    if let Some(strategy) = &plan.strategy {
        check_strategy(&mut findings, strategy, prior);
        check_tactics(&mut findings, plan, prior, &grounds);
        check_budget(&mut findings, plan, prior);
        check_actions(&mut findings, plan);
    }
    if let Some(control) = &plan.control {
        check_control(&mut findings, control, &plan.objectives);
    }
    findings.into_vec()
}

/// SO2 to SO4: objectives are measurable, near, and based on the client's goals.
fn check_objectives(findings: &mut Findings, objectives: &[Objective], prior: &PriorArtefacts) {
    findings.count("shape", "objectives", objectives.len(), 3..=6);
    wording::distinct(
        findings,
        "G8",
        "objectives",
        objectives.iter().map(|objective| objective.statement.as_str()),
    );
    let mut metrics = BTreeSet::new();
    let horizon = prior.today.saturating_add(12.months());
    for (i, objective) in objectives.iter().enumerate() {
        let path = format!("objectives[{i}]");
        if !objective.target.is_finite() {
            findings.error(
                "SO2",
                format!("{path}.target"),
                "is not a number; give the figure to reach",
            );
        }
        if objective.baseline == Some(objective.target) {
            findings.error(
                "SO2",
                format!("{path}.target"),
                "equals the baseline; say what should change",
            );
        }
        let deadline = wording::planned_date(
            findings,
            &format!("{path}.deadline"),
            &objective.deadline,
            prior.today,
        );
        if deadline.is_some_and(|deadline| deadline > horizon) {
            findings.error(
                "SO2",
                format!("{path}.deadline"),
                format!("lies beyond twelve months; choose a day until {horizon}"),
            );
        }
        if !metrics.insert(&objective.metric_id) {
            findings.error(
                "G1",
                format!("{path}.metric_id"),
                format!("`{}` measures another objective", objective.metric_id),
            );
        }
        let goals = prior.brief.goals.len();
        if !usize::try_from(objective.goal).is_ok_and(|goal| (1..=goals).contains(&goal)) {
            findings.error(
                "SO4",
                format!("{path}.goal"),
                format!("serves no goal of the client; give a number from 1 to {goals}"),
            );
        }
    }
    if !objectives.iter().any(|objective| objective.level == ObjectiveLevel::Business) {
        findings.error(
            "SO3",
            "objectives",
            "none is at business level; add one on customers, revenue or margin",
        );
    }
}

/// SO5 and SO6: the strategy says what it excludes and builds on the selected position.
fn check_strategy(findings: &mut Findings, strategy: &Strategy, prior: &PriorArtefacts) {
    findings.count("SO5", "strategy.trade_offs", strategy.trade_offs.len(), 2..=usize::MAX);
    findings.count("shape", "strategy.sequence", strategy.sequence.len(), 2..=6);
    refer_all(
        findings,
        "strategy.icp_refs",
        &strategy.icp_refs,
        prior.icp_ids().as_ref(),
        "customer profile",
    );
    if let Some(positioning) = &prior.positioning
        && strategy.positioning_ref != positioning.selected
    {
        let message = format!(
            "builds on `{}`; the selected option is `{}`",
            strategy.positioning_ref, positioning.selected
        );
        findings.error("SO6", "strategy.positioning_ref", message);
    }
}

/// SO7: every objective has tactics, and every tactic an objective.
fn check_tactics(
    findings: &mut Findings,
    plan: &Sostac,
    prior: &PriorArtefacts,
    grounds: &Grounds<'_>,
) {
    let tactics = plan.tactics();
    let objectives: BTreeSet<&str> =
        plan.objectives.iter().map(|objective| objective.id.as_str()).collect();
    let inputs = prior.north_star.as_ref().map(|star| {
        let inputs = star.input_metrics.iter().map(|input| input.id.as_str());
        inputs.chain([star.metric.id.as_str()]).collect::<BTreeSet<_>>()
    });
    findings.count("shape", "tactics", tactics.len(), 5..=12);
    wording::distinct(
        findings,
        "G8",
        "tactics",
        tactics.iter().map(|tactic| tactic.description.as_str()),
    );
    for (i, tactic) in tactics.iter().enumerate() {
        let path = format!("tactics[{i}]");
        if tactic.objective_refs.is_empty() {
            findings.error(
                "SO7",
                format!("{path}.objective_refs"),
                "serves no objective; name one or drop the tactic",
            );
        }
        for id in &tactic.objective_refs {
            refer(findings, &format!("{path}.objective_refs"), id, Some(&objectives), "objective");
        }
        for id in &tactic.metric_refs {
            refer(
                findings,
                &format!("{path}.metric_refs"),
                id,
                inputs.as_ref(),
                "input of the north star",
            );
        }
        refer_all(
            findings,
            &format!("{path}.icp_refs"),
            &tactic.icp_refs,
            prior.icp_ids().as_ref(),
            "customer profile",
        );
        grounds.demand(findings, "shape", &format!("{path}.basis"), &tactic.basis);
        findings.number(format!("{path}.cost_per_month"), tactic.cost_per_month, 0.0..=f64::MAX);
        findings.number(format!("{path}.hours_per_week"), tactic.hours_per_week, 0.0..=168.0);
    }
    for (i, objective) in plan.objectives.iter().enumerate() {
        if !tactics.iter().any(|tactic| tactic.objective_refs.contains(&objective.id)) {
            findings.error(
                "SO7",
                format!("objectives[{i}]"),
                format!("no tactic serves `{}`; add one", objective.id),
            );
        }
    }
}

/// SO8, and the capacity part of SO10: the plan fits the budget and the hours.
fn check_budget(findings: &mut Findings, plan: &Sostac, prior: &PriorArtefacts) {
    let currency = &prior.brief.currency;
    if let Some(budget) = prior.brief.monthly_marketing_budget
        && plan.cost_per_month() > budget
    {
        let cost = plan.cost_per_month();
        findings.error(
            "SO8",
            "tactics",
            format!("cost {cost:.0} {currency} a month; the budget is {budget:.0}"),
        );
    }
    if let Some(capacity) = prior.weekly_hours() {
        let tactics = plan.hours_per_week();
        if tactics > capacity {
            findings.error(
                "SO10",
                "tactics",
                format!("take {tactics:.1} hours a week; the team has {capacity:.1}"),
            );
        }
        let actions: f64 = plan.actions().iter().map(|action| action.hours).sum();
        let available = capacity * f64::from(WEEKS);
        if actions > available {
            findings.error(
                "SO10",
                "action",
                format!("takes {actions:.0} hours; the team has {available:.0} in {WEEKS} weeks"),
            );
        }
    }
}

/// SO9 and SO10: actions have an owner and an end, and their order is feasible.
fn check_actions(findings: &mut Findings, plan: &Sostac) {
    let actions = plan.actions();
    findings.count("shape", "action", actions.len(), 8..=20);
    wording::distinct(findings, "G8", "action", actions.iter().map(|action| action.task.as_str()));
    let ids: BTreeSet<&str> = actions.iter().map(|action| action.id.as_str()).collect();
    for (i, action) in actions.iter().enumerate() {
        let path = format!("action[{i}]");
        if action.owner_role.trim().is_empty() || action.done_when.trim().is_empty() {
            findings.error(
                "SO9",
                &path,
                "needs a role that answers for it and a sign that it is done",
            );
        }
        if !(1..=WEEKS).contains(&action.start_week)
            || !(action.start_week..=WEEKS).contains(&action.end_week)
        {
            findings.error(
                "SO10",
                &path,
                format!(
                    "runs from week {} to {}; stay within 1 to {WEEKS}",
                    action.start_week, action.end_week
                ),
            );
        }
        findings.number(format!("{path}.hours"), action.hours, 0.0..=10_000.0);
        for id in &action.dependency_refs {
            refer(findings, &format!("{path}.dependency_refs"), id, Some(&ids), "action");
            if let Some(needed) = actions.iter().find(|other| other.id == *id)
                && needed.end_week > action.start_week
            {
                let message = format!(
                    "starts in week {} but needs `{id}`, which ends in week {}",
                    action.start_week, needed.end_week
                );
                findings.error("SO10", &path, message);
            }
        }
    }
    let edges: BTreeMap<&str, Vec<&str>> = actions
        .iter()
        .map(|action| {
            (action.id.as_str(), action.dependency_refs.iter().map(String::as_str).collect())
        })
        .collect();
    if let Some(id) = on_a_cycle(&edges) {
        findings.error("SO10", "action", format!("`{id}` waits for itself; remove a dependency"));
    }
}

/// SO11: every objective is monitored, with a threshold at which to change course.
fn check_control(findings: &mut Findings, control: &Control, objectives: &[Objective]) {
    let ids: BTreeSet<&str> = objectives.iter().map(|objective| objective.id.as_str()).collect();
    findings.count("shape", "control.review_calendar", control.review_calendar.len(), 1..=6);
    for (i, measure) in control.measures.iter().enumerate() {
        refer(
            findings,
            &format!("control.measures[{i}].objective_ref"),
            &measure.objective_ref,
            Some(&ids),
            "objective",
        );
        if measure.trigger.trim().is_empty() || measure.response.trim().is_empty() {
            findings.error(
                "SO11",
                format!("control.measures[{i}]"),
                "needs a trigger and what is done then",
            );
        }
    }
    for objective in objectives {
        if !control.measures.iter().any(|measure| measure.objective_ref == objective.id) {
            findings.error(
                "SO11",
                "control.measures",
                format!("nothing watches `{}`; add a measure", objective.id),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::artefact::{
        Artefact, Draft, fixture,
        sostac::{SostacOpeningDraft, SostacPlanDraft},
    };

    fn opening(pointer: &str, to: Value, rule: &str) {
        fixture::check::<SostacOpeningDraft>("sostac_opening", pointer, to, rule);
    }

    fn plan(pointer: &str, to: Value, rule: &str) {
        fixture::check::<SostacPlanDraft>("sostac_plan", pointer, to, rule);
    }

    #[test]
    fn the_opening_is_checked() {
        opening("/situation/insights/0/basis", json!([]), "SO1");
        opening("/objectives/0/deadline", json!("2028-01-01"), "SO2");
        opening("/objectives/0/target", json!(41.0), "SO2");
        opening("/objectives/0/deadline", json!("next year"), "G7");
        opening("/objectives/0/deadline", json!("2026-01-01"), "G7");
        opening("/objectives/0/level", json!("marketing"), "SO3");
        opening("/objectives/0/goal", json!(3), "SO4");
        opening("/objectives/1/metric_id", json!("met_machines"), "G1");
        opening("/objectives", json!([]), "shape");
    }

    #[test]
    fn the_plan_is_checked() {
        plan("/strategy/trade_offs", json!(["No one-off repairs"]), "SO5");
        plan("/strategy/positioning_ref", json!("opt_records"), "SO6");
        plan("/strategy/icp_refs/0", json!("icp_nobody"), "G1");
        plan("/tactics/0/objective_refs", json!([]), "SO7");
        plan("/tactics/0/objective_refs", json!(["obj_leads"]), "SO7");
        plan("/tactics/1/metric_refs", json!(["met_unknown"]), "G1");
        plan("/tactics/0/cost_per_month", json!(2000.0), "SO8");
        plan("/tactics/0/hours_per_week", json!(15.0), "SO10");
        plan("/action/0/owner_role", json!(" "), "SO9");
        plan("/action/0/hours", json!(300.0), "SO10");
        plan("/action/2/start_week", json!(1), "SO10");
        plan("/action/7/end_week", json!(14), "SO10");
        plan("/action/0/dependency_refs", json!(["act_1"]), "SO10");
        plan("/control/measures/2/objective_ref", json!("obj_leads"), "SO11");
        plan("/control/measures/0/trigger", json!(""), "SO11");
        plan("/tactics/1/description", json!("Short films of failures fixed on the spot!"), "G8");
    }

    #[test]
    fn a_plan_written_twice_keeps_one_set_of_assumptions() {
        let world = fixture::world();
        let again = serde_json::from_value::<SostacPlanDraft>(fixture::draft("sostac_plan"))
            .unwrap()
            .build(&world);
        assert_eq!(Some(again), world.sostac);
    }

    #[test]
    fn a_plan_without_opening_is_refused_not_a_panic() {
        let mut world = fixture::world();
        world.sostac = None;
        let alone = serde_json::from_value::<SostacPlanDraft>(fixture::draft("sostac_plan"))
            .unwrap()
            .build(&world);
        assert!(crate::artefact::has_errors(&alone.check(&world)));
    }
}
