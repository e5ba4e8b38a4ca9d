//! The rules B1 to B5 of creative briefs.

use std::collections::BTreeSet;

use super::{AssetBrief, AssetBriefs, AssetFormat};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    grounds::{Grounds, refer, refer_all},
    wording,
};

/// The largest gap or overlap of scenes in seconds: too short to be visible.
const SEAM_S: f64 = 0.05;

pub(super) fn check(briefs: &AssetBriefs, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let pains = prior
        .icps
        .iter()
        .flat_map(|icps| &icps.icps)
        .flat_map(|icp| &icp.pains)
        .map(|pain| pain.id.as_str());
    let grounds = Grounds::new(prior, &briefs.assumptions).or(pains);
    wording::check(&mut findings, briefs);
    check_coverage(&mut findings, briefs, prior);
    let propositions = briefs.briefs.iter().map(|brief| brief.single_minded_proposition.as_str());
    wording::distinct(&mut findings, "G8", "briefs", propositions);
    for (i, brief) in briefs.briefs.iter().enumerate() {
        let path = format!("briefs[{i}]");
        check_message(&mut findings, &path, brief, &grounds);
        check_references(&mut findings, &path, brief, prior);
        check_format(&mut findings, &path, brief);
        check_length(&mut findings, &path, brief);
    }
    findings.into_vec()
}

/// B3: every hero item has a brief, and no other item has one.
fn check_coverage(findings: &mut Findings, briefs: &AssetBriefs, prior: &PriorArtefacts) {
    findings.count("B3", "briefs", briefs.briefs.len(), 1..=8);
    let Some(calendar) = &prior.content_calendar else { return };
    let heroes: BTreeSet<&str> = calendar.heroes().map(|item| item.id.as_str()).collect();
    for hero in &heroes {
        if !briefs.briefs.iter().any(|brief| brief.calendar_refs.iter().any(|id| id == hero)) {
            findings.error(
                "B3",
                "briefs",
                format!("no brief covers the hero item `{hero}`; write one"),
            );
        }
    }
    for (i, brief) in briefs.briefs.iter().enumerate() {
        if !brief.calendar_refs.iter().any(|id| heroes.contains(id.as_str())) {
            let message = "covers no hero item of the calendar; name one or drop the brief";
            findings.error("B3", format!("briefs[{i}].calendar_refs"), message);
        }
    }
}

/// B1 and B2: one idea, and reasons to believe it.
fn check_message(findings: &mut Findings, path: &str, brief: &AssetBrief, grounds: &Grounds<'_>) {
    let proposition = &brief.single_minded_proposition;
    let joins = proposition.split_whitespace().any(|word| word.eq_ignore_ascii_case("and"));
    if wording::words(proposition) > 25 || joins {
        let message = "must be one idea in at most 25 words without \"and\"; drop the second idea";
        findings.error("B1", format!("{path}.single_minded_proposition"), message);
    }
    findings.count(
        "B2",
        format!("{path}.reasons_to_believe"),
        brief.reasons_to_believe.len(),
        1..=3,
    );
    for (i, reason) in brief.reasons_to_believe.iter().enumerate() {
        grounds.demand(
            findings,
            "B2",
            &format!("{path}.reasons_to_believe[{i}].basis"),
            &reason.basis,
        );
    }
    grounds.demand(
        findings,
        "B2",
        &format!("{path}.audience_insight.basis"),
        &brief.audience_insight.basis,
    );
    findings.count("shape", format!("{path}.tone"), brief.tone.len(), 2..=4);
    findings.count("shape", format!("{path}.not_tone"), brief.not_tone.len(), 1..=3);
    findings.count("shape", format!("{path}.deliverables"), brief.deliverables.len(), 1..=8);
}

fn check_references(
    findings: &mut Findings,
    path: &str,
    brief: &AssetBrief,
    prior: &PriorArtefacts,
) {
    let items = prior
        .content_calendar
        .as_ref()
        .map(|calendar| calendar.items().map(|item| item.id.as_str()).collect::<BTreeSet<_>>());
    refer_all(
        findings,
        &format!("{path}.calendar_refs"),
        &brief.calendar_refs,
        items.as_ref(),
        "calendar item",
    );
    refer(
        findings,
        &format!("{path}.objective_ref"),
        &brief.objective_ref,
        prior.objective_ids().as_ref(),
        "objective",
    );
    refer(
        findings,
        &format!("{path}.icp_ref"),
        &brief.icp_ref,
        prior.icp_ids().as_ref(),
        "customer profile",
    );
    refer(
        findings,
        &format!("{path}.metric_ref"),
        &brief.metric_ref,
        prior.metric_ids().as_ref(),
        "metric",
    );
}

/// B4, and the requirements of other formats.
fn check_format(findings: &mut Findings, path: &str, brief: &AssetBrief) {
    match brief.format {
        AssetFormat::Video => check_scenes(findings, path, brief),
        AssetFormat::Carousel => {
            findings.count("shape", format!("{path}.slides"), brief.slides.len(), 5..=10);
        }
        AssetFormat::Email if brief.email.is_none() => {
            findings.error("shape", format!("{path}.email"), "is missing; outline the email");
        }
        AssetFormat::Article
        | AssetFormat::SocialPost
        | AssetFormat::Email
        | AssetFormat::LandingPage
        | AssetFormat::Webinar
        | AssetFormat::Other => {}
    }
}

/// B4: scenes fill the video from the first second to the last.
fn check_scenes(findings: &mut Findings, path: &str, brief: &AssetBrief) {
    let scenes = &brief.scenes;
    let path = format!("{path}.scenes");
    findings.count("B4", &path, scenes.len(), 3..=8);
    let Some(duration) = brief.duration_s else {
        findings.error(
            "B4",
            path,
            "cannot be judged without `duration_s`; give the length of the video",
        );
        return;
    };
    let mut end = 0.0;
    for (i, scene) in scenes.iter().enumerate() {
        if !meet(scene.start_s, end) || scene.end_s <= scene.start_s {
            findings.error(
                "B4",
                format!("{path}[{i}]"),
                format!("must start at {end} and end later"),
            );
        }
        end = scene.end_s;
    }
    if !meet(end, duration) {
        findings.error("B4", path, format!("end at {end}; the video ends at {duration}"));
    }
}

fn meet(one: f64, other: f64) -> bool {
    (one - other).abs() <= SEAM_S
}

/// B5: a brief is short.
fn check_length(findings: &mut Findings, path: &str, brief: &AssetBrief) {
    let words = serde_json::to_value(brief).map_or(0, |value| words(&value));
    if words > 600 {
        findings.warning("B5", path, format!("has {words} words; a brief fits on a page of 600"));
    }
}

fn words(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => wording::words(text),
        serde_json::Value::Array(entries) => entries.iter().map(words).sum(),
        serde_json::Value::Object(fields) => fields.values().map(words).sum(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::artefact::{asset_briefs::AssetBriefs, fixture::check};

    #[test]
    fn each_rule_finds_its_violation() {
        let check = |pointer, to, rule| check::<AssetBriefs>("asset_briefs", pointer, to, rule);
        check("/briefs/0/single_minded_proposition", json!("You hear it and you fix it."), "B1");
        check("/briefs/0/single_minded_proposition", json!("word ".repeat(26).trim()), "B1");
        check("/briefs/0/reasons_to_believe/0/basis", json!([]), "B2");
        check("/briefs/0/reasons_to_believe", json!([]), "B2");
        check("/briefs", json!([]), "B3");
        check("/briefs/0/calendar_refs", json!(["cal_w01_1"]), "B3");
        check("/briefs/0/calendar_refs", json!(["cal_w99_1"]), "G1");
        check("/briefs/0/scenes/1/start_s", json!(11.0), "B4");
        check("/briefs/0/duration_s", json!(40.0), "B4");
        check("/briefs/0/duration_s", json!(null), "B4");
        check("/briefs/0/timing", json!("late ".repeat(600).trim()), "B5");
        check("/briefs/1/slides", json!([]), "shape");
        check("/briefs/2/email", json!(null), "shape");
        check("/briefs/0/metric_ref", json!("met_unknown"), "G1");
    }
}
