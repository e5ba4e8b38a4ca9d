//! The rules N1 to N7.

use std::collections::BTreeSet;

use super::NorthStar;
use crate::{
    artefact::{
        Finding, PriorArtefacts, finding::Findings, grounds::refer_all, similarity::tokens, wording,
    },
    brief::BusinessModel,
};

/// Vanity metrics, which grow without any benefit to customers.
const VANITY: [&str; 14] = [
    "revenue",
    "turnover",
    "sales",
    "profit",
    "mrr",
    "arr",
    "sign-ups",
    "signups",
    "registrations",
    "page views",
    "pageviews",
    "followers",
    "likes",
    "impressions",
];
/// Metrics that only a marketplace may use.
const MARKETPLACE_ONLY: [&str; 2] = ["gmv", "gross merchandise"];

pub(super) fn check(star: &NorthStar, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    wording::check(&mut findings, star);
    check_metric(&mut findings, star, prior);
    check_candidates(&mut findings, star);
    check_inputs(&mut findings, star, prior);
    check_targets(&mut findings, star);
    if star.objective_refs.is_empty() {
        findings.error("N6", "objective_refs", "serves no objective; name at least one");
    } else {
        refer_all(
            &mut findings,
            "objective_refs",
            &star.objective_refs,
            prior.objective_ids().as_ref(),
            "objective",
        );
    }
    findings.count("shape", "guardrails", star.guardrails.len(), 0..=3);
    if star.guardrails.is_empty() {
        findings.warning(
            "N7",
            "guardrails",
            "name a metric that must not get worse while this one grows",
        );
    }
    findings.count("shape", "lagging", star.lagging.len(), 1..=4);
    findings.into_vec()
}

/// N1: the metric counts value for customers.
fn check_metric(findings: &mut Findings, star: &NorthStar, prior: &PriorArtefacts) {
    let marketplace = prior.brief.business_model == BusinessModel::Marketplace;
    let refused = VANITY.iter().chain(MARKETPLACE_ONLY.iter().filter(|_| !marketplace));
    if let Some(word) = refused.into_iter().find(|word| wording::mentions(&star.metric.name, word))
    {
        let message = format!(
            "`{word}` grows without customers being better off; count what they get done instead"
        );
        findings.error("N1", "metric.name", message);
    }
}

/// N3: the metric is the best of three candidates and has no weak score.
fn check_candidates(findings: &mut Findings, star: &NorthStar) {
    findings.count("N3", "candidates", star.candidates.len(), 3..=3);
    for (i, candidate) in star.candidates.iter().enumerate() {
        for (criterion, score) in candidate.scores.each() {
            findings.one_to_five(format!("candidates[{i}].{criterion}"), score);
        }
        if candidate.total != candidate.scores.total() {
            findings.error("N3", format!("candidates[{i}].total"), "is not the sum of the scores");
        }
    }
    let chosen = star
        .candidates
        .iter()
        .find(|candidate| tokens(&candidate.scores.name) == tokens(&star.metric.name));
    let Some(chosen) = chosen else {
        findings.error("N3", "metric.name", "is none of the candidates; use a candidate's name");
        return;
    };
    if star.candidates.iter().any(|candidate| candidate.total > chosen.total) {
        findings.error(
            "N3",
            "metric",
            "another candidate has a higher total; choose that one or correct the scores",
        );
    }
    for (criterion, score) in chosen.scores.each().into_iter().filter(|(_, score)| *score < 3) {
        findings.error(
            "N3",
            "metric",
            format!("scores {score} on {criterion}; choose a metric with 3 or more on all"),
        );
    }
}

/// N2 and N4: the input metrics cover several dimensions and can be influenced.
fn check_inputs(findings: &mut Findings, star: &NorthStar, prior: &PriorArtefacts) {
    let inputs = &star.input_metrics;
    findings.count("N2", "input_metrics", inputs.len(), 3..=6);
    wording::distinct(
        findings,
        "G8",
        "input_metrics",
        inputs.iter().map(|input| input.name.as_str()),
    );
    let dimensions: BTreeSet<_> = inputs.iter().map(|input| input.dimension).collect();
    if dimensions.len() < 2 {
        findings.error("N2", "input_metrics", "measure one dimension only; cover at least two");
    }
    let objective_metrics: BTreeSet<&str> = prior
        .sostac
        .iter()
        .flat_map(|plan| &plan.objectives)
        .map(|it| it.metric_id.as_str())
        .collect();
    for (i, input) in inputs.iter().enumerate() {
        let path = format!("input_metrics[{i}]");
        if tokens(&input.name) == tokens(&star.metric.name) {
            findings.error("N2", &path, "is the north star itself; name something that moves it");
        }
        if input.levers.is_empty() {
            findings.error(
                "N4",
                format!("{path}.levers"),
                "is empty; name something the business can do to move it",
            );
        }
        if objective_metrics.contains(input.id.as_str()) {
            findings.error(
                "G1",
                format!("{path}.id"),
                format!("`{}` is an objective's metric; use another id", input.id),
            );
        }
    }
}

/// N5: targets are monotonic.
fn check_targets(findings: &mut Findings, star: &NorthStar) {
    let targets = star.targets;
    let (first, second, third) = (targets.m3, targets.m6, targets.m12);
    let rises = first <= second && second <= third;
    let falls = first >= second && second >= third;
    if !(if targets.lower_is_better { falls } else { rises }) {
        let direction = if targets.lower_is_better { "fall" } else { "rise" };
        findings.error(
            "N5",
            "targets",
            format!("must {direction} from three to six to twelve months"),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::artefact::{
        fixture::{check, check_artefact},
        north_star::{NorthStar, NorthStarDraft},
    };

    #[test]
    fn each_rule_finds_its_violation() {
        let check = |pointer, to, rule| check::<NorthStarDraft>("north_star", pointer, to, rule);
        check("/metric/name", json!("Monthly revenue"), "N1");
        check("/metric/name", json!("Gross merchandise volume"), "N1");
        check("/input_metrics", json!([]), "N2");
        check("/input_metrics/0/name", json!("Mornings without failure"), "N2");
        check("/metric/name", json!("Something else entirely"), "N3");
        check("/candidates/0/value", json!(1), "N3");
        check("/candidates/0/hard_to_game", json!(2), "N3");
        check("/input_metrics/0/levers", json!([]), "N4");
        check("/targets/m6", json!(10.0), "N5");
        check("/targets/lower_is_better", json!(true), "N5");
        check("/objective_refs", json!([]), "N6");
        check("/objective_refs", json!(["obj_unknown"]), "G1");
        check("/guardrails", json!([]), "N7");
        check("/input_metrics/0/id", json!("met_machines"), "G1");
    }

    #[test]
    fn computed_fields_are_refused_in_a_draft() {
        check_artefact::<NorthStar>("/candidates/0/total", json!(30), "N3");
    }
}
