//! The rules A1 to A7 of the measurement plan.

use std::collections::BTreeSet;

use super::{Amec, Measure, Method};
use crate::artefact::{
    Finding, PriorArtefacts,
    content_calendar::ContentCalendar,
    finding::Findings,
    grounds::{refer, refer_all},
    sostac::Sostac,
    wording,
};

/// Advertising value equivalents are refused, because the price of an advert does not measure an
/// effect.
const AVE: [&str; 3] =
    ["advertising value equivalen", "ad value equivalen", "equivalent advertising"];
/// Words for outputs, which are not outcomes.
const OUTPUT_WORDS: [&str; 5] = ["impressions", "reach", "followers", "page views", "pageviews"];

pub(super) fn check(amec: &Amec, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    wording::check(&mut findings, amec);
    check_counts(&mut findings, amec);
    check_references(&mut findings, amec, prior);
    check_chain(&mut findings, amec);
    for (path, measure) in measures(amec) {
        check_measure(&mut findings, &path, measure, prior);
    }
    check_levels(&mut findings, amec);
    if !measures(amec).iter().any(|(_, measure)| measure.method == Method::Qual) {
        findings.error(
            "A5",
            "outtakes",
            "nothing is asked, everything counted; add at least one qualitative measure",
        );
    }
    for (i, impact) in amec.impact.iter().enumerate() {
        if impact.attribution_limits.trim().chars().count() < 15 {
            let message = "name what this way of ascribing effects cannot see";
            findings.warning("A7", format!("impact[{i}].attribution_limits"), message);
        }
    }
    findings.into_vec()
}

/// A1: every step is present. The order follows from the fields.
fn check_counts(findings: &mut Findings, amec: &Amec) {
    findings.count("A1", "objectives", amec.objectives.len(), 2..=6);
    findings.count("A1", "inputs", amec.inputs.len(), 2..=8);
    findings.count("A1", "activities", amec.activities.len(), 3..=12);
    findings.count("A1", "outputs", amec.outputs.len(), 3..=8);
    findings.count("A1", "outtakes", amec.outtakes.len(), 2..=6);
    findings.count("A1", "outcomes", amec.outcomes.len(), 2..=6);
    findings.count("A1", "impact", amec.impact.len(), 1..=4);
}

/// A6, and the other references.
fn check_references(findings: &mut Findings, amec: &Amec, prior: &PriorArtefacts) {
    let objectives = prior.objective_ids();
    for (i, objective) in amec.objectives.iter().enumerate() {
        let path = format!("objectives[{i}].objective_ref");
        refer(findings, &path, &objective.objective_ref, objectives.as_ref(), "objective");
    }
    let tactics = prior.sostac.iter().flat_map(Sostac::tactics).map(|tactic| tactic.id.as_str());
    let items =
        prior.content_calendar.iter().flat_map(ContentCalendar::items).map(|item| item.id.as_str());
    let planned: BTreeSet<&str> = tactics.chain(items).collect();
    let planned = (!planned.is_empty()).then_some(planned);
    for (i, activity) in amec.activities.iter().enumerate() {
        let path = format!("activities[{i}].refs");
        refer_all(findings, &path, &activity.refs, planned.as_ref(), "tactic or calendar item");
    }
    let ends = objectives.map(|mut ends| {
        ends.extend(prior.metric_ids().unwrap_or_default());
        ends
    });
    for (i, impact) in amec.impact.iter().enumerate() {
        let path = format!("impact[{i}].feeds");
        if impact.feeds.is_empty() {
            findings.error("A6", &path, "feeds nothing; name an objective or the north star");
        }
        for id in &impact.feeds {
            refer(findings, &path, id, ends.as_ref(), "objective or metric");
        }
    }
}

/// A2: every effect names a cause in the step before.
fn check_chain(findings: &mut Findings, amec: &Amec) {
    let activities: BTreeSet<&str> =
        amec.activities.iter().map(|activity| activity.id.as_str()).collect();
    let ids = |measures: &[Measure]| -> BTreeSet<String> {
        measures.iter().map(|it| it.id.clone()).collect()
    };
    let (outputs, outtakes, outcomes) =
        (ids(&amec.outputs), ids(&amec.outtakes), ids(&amec.outcomes));
    let known = |ids: &BTreeSet<String>, id: &str| ids.contains(id);
    for (path, measure) in measures(amec) {
        let caused = |id: &String| match path.split('[').next() {
            Some("outputs") => activities.contains(id.as_str()),
            Some("outtakes") => known(&outputs, id),
            Some("outcomes") => known(&outtakes, id),
            _ => known(&outcomes, id),
        };
        if measure.caused_by.is_empty() || !measure.caused_by.iter().all(caused) {
            findings.error(
                "A2",
                format!("{path}.caused_by"),
                "must name what causes it in the step before, and only that",
            );
        }
    }
}

fn check_measure(findings: &mut Findings, path: &str, measure: &Measure, prior: &PriorArtefacts) {
    wording::planned_date(findings, &format!("{path}.date"), &measure.date, prior.today);
    findings.number(format!("{path}.confidence"), measure.confidence, 0.0..=1.0);
    let definition = measure.definition.to_lowercase();
    let is_ave = AVE.iter().any(|phrase| definition.contains(phrase))
        || wording::mentions(&definition, "ave")
        || wording::mentions(&definition, "aves");
    if is_ave {
        findings.error(
            "A3",
            format!("{path}.definition"),
            "advertising value says nothing about an effect; measure the effect",
        );
    }
}

/// A4: outputs are not presented as outcomes or impact.
fn check_levels(findings: &mut Findings, amec: &Amec) {
    let later = measures(amec)
        .into_iter()
        .filter(|(path, _)| path.starts_with("outcomes") || path.starts_with("impact"));
    for (path, measure) in later {
        let definition = measure.definition.to_lowercase();
        let output_word = OUTPUT_WORDS.iter().find(|word| names(&definition, word));
        let repeated = amec
            .outputs
            .iter()
            .any(|output| wording::repeats(&output.definition, &measure.definition));
        if output_word.is_some() || repeated {
            let message = "measures what comes out, not what comes of it; measure a change in what people know or do";
            findings.error("A4", format!("{path}.definition"), message);
        }
    }
}

/// Whether a definition counts the thing; the verb "reach" ("leads that reach a demo") does not
/// match.
fn names(definition: &str, word: &str) -> bool {
    if word == "reach" {
        return definition.starts_with("reach")
            || definition.contains("reach of")
            || definition.contains("total reach");
    }
    definition.contains(word)
}

/// The measures of the four measured steps, with their paths.
fn measures(amec: &Amec) -> Vec<(String, &Measure)> {
    fn numbered<'a>(step: &str, measures: &'a [Measure]) -> Vec<(String, &'a Measure)> {
        measures.iter().enumerate().map(|(i, measure)| (format!("{step}[{i}]"), measure)).collect()
    }
    let impact = amec
        .impact
        .iter()
        .enumerate()
        .map(|(i, impact)| (format!("impact[{i}].measure"), &impact.measure));
    let mut all = numbered("outputs", &amec.outputs);
    all.extend(numbered("outtakes", &amec.outtakes));
    all.extend(numbered("outcomes", &amec.outcomes));
    all.extend(impact);
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::artefact::{amec::Amec, fixture::check};

    #[test]
    fn each_rule_finds_its_violation() {
        let check = |pointer, to, rule| check::<Amec>("amec", pointer, to, rule);
        check("/outcomes", json!([]), "A1");
        check("/outputs/0/caused_by", json!([]), "A2");
        check("/outcomes/0/caused_by", json!(["ams_films"]), "A2");
        check("/impact/0/measure/caused_by", json!(["ams_views"]), "A2");
        check("/outputs/0/definition", json!("AVE of all films"), "A3");
        check("/outcomes/0/definition", json!("Impressions among owners"), "A4");
        check("/impact/0/measure/definition", json!("Reach of all posts"), "A4");
        check("/impact/0/feeds", json!([]), "A6");
        check("/impact/0/feeds", json!(["met_unknown"]), "G1");
        check("/impact/0/attribution_limits", json!("None known"), "A7");
        check("/activities/0/refs", json!(["tac_unknown"]), "G1");
        check("/objectives/0/objective_ref", json!("obj_unknown"), "G1");
        check("/outputs/0/date", json!("2025-01-01"), "G7");
    }

    #[test]
    fn a_plan_of_counts_needs_no_survey() {
        let mut outtakes = crate::artefact::fixture::draft("amec");
        outtakes["outtakes"][1]["method"] = json!("quant");
        outtakes["outcomes"][1]["method"] = json!("quant");
        check::<Amec>("amec", "", outtakes, "A5");
    }
}
