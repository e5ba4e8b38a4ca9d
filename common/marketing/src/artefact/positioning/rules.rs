//! The rules P1 to P9, and L7. The reading grade of P9 is not measured, because its formulas apply
//! to English only.

use std::collections::BTreeSet;

use super::{
    AlternativeKind, CategoryStrategy, Positioning, PositioningOption, Scores, SelectedBy, best,
};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    grounds::{Grounds, demand_assumptions, refer_all},
    similarity::{alike, tokens},
    wording,
};

pub(super) fn check(positioning: &Positioning, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let grounds = Grounds::new(prior, &positioning.assumptions);
    wording::check(&mut findings, positioning);
    demand_assumptions(&mut findings, prior, &positioning.assumptions);
    findings.count("P1", "options", positioning.options.len(), 3..=3);
    for (i, option) in positioning.options.iter().enumerate() {
        let path = format!("options[{i}]");
        check_counts(&mut findings, &path, option);
        check_chain(&mut findings, &path, option, &grounds);
        check_category(&mut findings, &path, option, &grounds);
        check_word(&mut findings, &path, option, prior);
        check_wording(&mut findings, &path, option);
    }
    check_distinct(&mut findings, &positioning.options);
    check_scores(&mut findings, positioning, prior);
    findings.into_vec()
}

/// P3, P6 and the lengths of lists.
fn check_counts(findings: &mut Findings, path: &str, option: &PositioningOption) {
    let alternatives = &option.competitive_alternatives;
    findings.count("shape", format!("{path}.competitive_alternatives"), alternatives.len(), 2..=5);
    let without_vendor = |kind| matches!(kind, AlternativeKind::Diy | AlternativeKind::DoNothing);
    if !alternatives.iter().any(|alternative| without_vendor(alternative.kind)) {
        let message =
            "leaves out doing it oneself and doing nothing; add one as `diy` or `do_nothing`";
        findings.error("P3", format!("{path}.competitive_alternatives"), message);
    }
    findings.count(
        "shape",
        format!("{path}.unique_attributes"),
        option.unique_attributes.len(),
        2..=5,
    );
    findings.count("shape", format!("{path}.value_themes"), option.value_themes.len(), 1..=4);
    findings.count(
        "shape",
        format!("{path}.best_fit.characteristics"),
        option.best_fit.characteristics.len(),
        3..=6,
    );
    findings.count(
        "P6",
        format!("{path}.best_fit.disqualifiers"),
        option.best_fit.disqualifiers.len(),
        1..=4,
    );
    findings.count("P6", format!("{path}.sacrifices"), option.sacrifices.len(), 2..=5);
    findings.count("shape", format!("{path}.risks"), option.risks.len(), 1..=4);
    findings.count("shape", format!("{path}.reach_channels"), option.reach_channels.len(), 1..=5);
    findings.count("shape", format!("{path}.capabilities"), option.capabilities.len(), 2..=5);
    if !(1..=30).contains(&option.validation_test.days) {
        findings.error(
            "shape",
            format!("{path}.validation_test.days"),
            "must be 1 to 30; find a quicker test",
        );
    }
}

/// P4: benefits follow from attributes, attributes differ from the alternatives, and none is
/// unused.
fn check_chain(
    findings: &mut Findings,
    path: &str,
    option: &PositioningOption,
    grounds: &Grounds<'_>,
) {
    let alternatives: BTreeSet<&str> =
        option.competitive_alternatives.iter().map(|it| it.id.as_str()).collect();
    let attributes: BTreeSet<&str> =
        option.unique_attributes.iter().map(|it| it.id.as_str()).collect();
    if alternatives.len() < option.competitive_alternatives.len()
        || attributes.len() < option.unique_attributes.len()
    {
        findings.error("G1", path, "uses an `alt_` or `atr_` id twice; give each its own");
    }
    for (i, attribute) in option.unique_attributes.iter().enumerate() {
        let path = format!("{path}.unique_attributes[{i}]");
        grounds.demand(findings, "P4", &format!("{path}.basis"), &attribute.basis);
        refer_all(
            findings,
            &format!("{path}.versus"),
            &attribute.versus,
            Some(&alternatives),
            "alternative of this option",
        );
        if !option.value_themes.iter().any(|theme| theme.enabled_by.contains(&attribute.id)) {
            findings.error(
                "P4",
                &path,
                format!(
                    "no value theme uses `{}`; say what it is good for, or drop it",
                    attribute.id
                ),
            );
        }
    }
    for (i, theme) in option.value_themes.iter().enumerate() {
        let path = format!("{path}.value_themes[{i}].enabled_by");
        if theme.enabled_by.is_empty()
            || theme.enabled_by.iter().any(|id| !attributes.contains(id.as_str()))
        {
            findings.error(
                "P4",
                path,
                "must name attributes of this option that make the benefit possible",
            );
        }
    }
}

/// P7: a new category needs a known parent category and evidence of a trend.
fn check_category(
    findings: &mut Findings,
    path: &str,
    option: &PositioningOption,
    grounds: &Grounds<'_>,
) {
    if let Some(trend) = &option.trend {
        grounds.resolve(findings, &format!("{path}.trend.basis"), &trend.basis);
    }
    if option.category.strategy == CategoryStrategy::CreateNew {
        if option.category.parent.is_none() {
            findings.error(
                "P7",
                format!("{path}.category.parent"),
                "a new category needs a known one it grows out of",
            );
        }
        if !option.trend.as_ref().is_some_and(|trend| grounds.shows(&trend.basis)) {
            let message =
                "a new category needs a trend that a claim shows; add it or choose another way in";
            findings.error("P7", format!("{path}.trend"), message);
        }
    }
}

/// P5 and L7: no competitor owns the word, unless the leader is to be repositioned.
fn check_word(
    findings: &mut Findings,
    path: &str,
    option: &PositioningOption,
    prior: &PriorArtefacts,
) {
    let path = format!("{path}.word_to_own");
    findings.words(&path, &option.word_to_own, 3);
    let Some(ladder) = &prior.competitor_ladder else { return };
    for rung in ladder.rungs().filter(|rung| alike(&rung.word_owned, &option.word_to_own)) {
        let leads = rung.rank == 1;
        if leads && ladder.repositions_leader() {
            continue;
        }
        let message = format!(
            "`{}` is owned by {} (`{}`); choose a free word",
            option.word_to_own, rung.name, rung.word_owned
        );
        findings.error(if leads { "L7" } else { "P5" }, &path, message);
    }
}

/// P9 and the lengths of texts.
fn check_wording(findings: &mut Findings, path: &str, option: &PositioningOption) {
    let words = wording::words(&option.statement);
    if words > 60 {
        findings.warning(
            "P9",
            format!("{path}.statement"),
            format!("has {words} words; say it in 60"),
        );
    }
    findings.length(format!("{path}.one_liner"), &option.one_liner, 1..=140);
}

/// P2: the three options are distinct.
fn check_distinct(findings: &mut Findings, options: &[PositioningOption]) {
    for (i, one) in options.iter().enumerate() {
        for (j, other) in options.iter().enumerate().skip(i + 1) {
            let differs = |this: &str, that: &str| tokens(this) != tokens(that);
            let differences = [
                differs(&one.best_fit.segment, &other.best_fit.segment),
                differs(&one.category.name, &other.category.name),
                differs(&one.word_to_own, &other.word_to_own),
            ];
            let different = differences.into_iter().filter(|differs| *differs).count();
            let path = format!("options[{j}]");
            if different < 2 {
                let message = format!(
                    "is too close to options[{i}]; differ in two of segment, category and word"
                );
                findings.error("P2", path, message);
            } else if alike(&one.statement, &other.statement) {
                let message =
                    format!("reads like options[{i}].statement; say what only this option can say");
                findings.error("P2", format!("{path}.statement"), message);
            }
        }
    }
}

/// P8: scores and selection equal what is computed from the options.
fn check_scores(findings: &mut Findings, positioning: &Positioning, prior: &PriorArtefacts) {
    for (i, option) in positioning.options.iter().enumerate() {
        let computed = Scores::of(option, prior).total();
        if (option.score - computed).abs() > 1e-6 {
            findings.error(
                "P8",
                format!("options[{i}].score"),
                format!("is {:.3}; the formula gives {computed:.3}", option.score),
            );
        }
    }
    match positioning.selected_by {
        SelectedBy::Score if positioning.selected != best(&positioning.options).0 => {
            findings.error("P8", "selected", "is not the option with the highest score");
        }
        SelectedBy::User if positioning.selected_option().is_none() => {
            findings.error("G1", "selected", "names no option");
        }
        SelectedBy::Score | SelectedBy::User => {}
    }
    if positioning.needs_user_choice {
        let message = format!("leads by only {:.3}; the client should choose", positioning.margin);
        findings.warning("P8", "selected", message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::artefact::{
        Artefact, Draft,
        fixture::{self, check_artefact},
        positioning::{Positioning, PositioningDraft, SelectedBy},
    };

    fn check(pointer: &str, to: Value, rule: &str) {
        fixture::check::<PositioningDraft>("positioning", pointer, to, rule);
    }

    #[test]
    fn each_rule_finds_its_violation() {
        check("/options", json!([]), "P1");
        check(
            "/options/1/statement",
            fixture::draft("positioning")["options"][0]["statement"].clone(),
            "P2",
        );
        check("/options/0/competitive_alternatives/1/kind", json!("hire"), "P3");
        check("/options/0/value_themes/0/enabled_by", json!([]), "P4");
        check("/options/0/value_themes/0/enabled_by", json!(["atr_fee"]), "P4");
        check("/options/0/unique_attributes/0/basis", json!([]), "P4");
        check("/options/0/unique_attributes/0/versus", json!(["alt_unknown"]), "G1");
        check("/options/0/unique_attributes/1/id", json!("atr_fast"), "G1");
        check("/options/0/word_to_own", json!("around the corner"), "P5");
        check("/options/0/word_to_own", json!("original parts"), "L7");
        check("/options/0/sacrifices", json!([]), "P6");
        check("/options/0/best_fit/disqualifiers", json!([]), "P6");
        check("/options/0/category/strategy", json!("create_new"), "P7");
        check("/options/0/statement", json!("word ".repeat(61).trim()), "P9");
        check("/options/0/one_liner", json!("x".repeat(141)), "shape");
        check("/options/0/validation_test/days", json!(90), "shape");
    }

    #[test]
    fn options_that_share_segment_and_category_are_one_option() {
        let mut options = fixture::draft("positioning")["options"].clone();
        options[1]["best_fit"]["segment"] = options[0]["best_fit"]["segment"].clone();
        options[1]["category"]["name"] = json!("The readiness services");
        check("/options", options, "P2");
    }

    #[test]
    fn a_new_category_with_parent_and_trend_is_fine() {
        let mut draft = fixture::draft("positioning");
        draft["options"][0]["category"] =
            json!({"name": "Morning insurance", "strategy": "create_new", "parent": "Maintenance"});
        draft["options"][0]["trend"] =
            json!({"name": "Records", "relevance": "Insurers ask.", "basis": ["clm_insurers"]});
        let world = fixture::world();
        let built = serde_json::from_value::<PositioningDraft>(draft).unwrap().build(&world);
        assert_eq!(built.check(&world), []);
    }

    #[test]
    fn scores_and_selection_are_computed() {
        check_artefact::<Positioning>("/options/0/score", json!(0.99), "P8");
        check_artefact::<Positioning>("/selected", json!("opt_partner"), "P8");
        check_artefact::<Positioning>("/needs_user_choice", json!(true), "P8");
        let positioning = fixture::world().positioning.unwrap();
        assert_eq!(positioning.selected, "opt_ready");
        let scores = positioning.options[0].scores;
        assert_eq!(
            (scores.evidence, scores.segment_fit, scores.reachability),
            (1.0, None, Some(1.0))
        );
        // The known components have a total weight of 0.80.
        let expected = (0.25 * scores.differentiation.unwrap()
            + 0.20
            + 0.15
            + 0.10
            + 0.10 * scores.economics.unwrap())
            / 0.80;
        assert!((positioning.options[0].score - expected).abs() < 1e-12);
    }

    #[test]
    fn the_client_may_choose_another_option() {
        let world = fixture::world();
        let chosen = world.positioning.clone().unwrap().choose("opt_records").unwrap();
        assert_eq!(
            (chosen.selected.as_str(), chosen.selected_by),
            ("opt_records", SelectedBy::User)
        );
        assert_eq!(chosen.check(&world), []);
        assert_eq!(world.positioning.unwrap().choose("opt_nobody"), None);
    }
}
