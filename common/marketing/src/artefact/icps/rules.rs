//! The rules I1 to I8.

use std::collections::BTreeSet;

use super::{Icp, IcpRole, IcpType, Icps};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    grounds::{Grounds, demand_assumptions},
    similarity::alike,
    wording,
};

/// General wishes, which are not triggers because nobody can observe when they begin.
const NO_TRIGGERS: [&str; 10] = [
    "wants growth",
    "want growth",
    "wants to grow",
    "want to grow",
    "looking to grow",
    "wants more",
    "wants to improve",
    "needs more",
    "interested in",
    "desires",
];

/// Characteristics that targeting must not use. They are searched for in the selection criteria of
/// a profile, and allowed if the client's own brief mentions them.
const PROTECTED: [&str; 21] = [
    "religion",
    "religious",
    "christian",
    "muslim",
    "jewish",
    "hindu",
    "buddhist",
    "catholic",
    "ethnicity",
    "ethnic",
    "racial",
    "skin colour",
    "skin color",
    "sexual orientation",
    "gay",
    "lesbian",
    "disabled",
    "disability",
    "illness",
    "diabetes",
    "pregnant",
];

pub(super) fn check(icps: &Icps, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let grounds = Grounds::new(prior, &icps.assumptions);
    wording::check(&mut findings, icps);
    demand_assumptions(&mut findings, prior, &icps.assumptions);
    check_number(&mut findings, icps, prior);
    for (i, icp) in icps.icps.iter().enumerate() {
        let path = format!("icps[{i}]");
        check_counts(&mut findings, &path, icp);
        check_pains(&mut findings, &path, icp, prior, &grounds);
        check_triggers(&mut findings, &path, icp);
        check_type(&mut findings, &path, icp);
        check_targeting(&mut findings, &path, icp, prior);
        for (j, channel) in icp.channels.iter().enumerate() {
            grounds.demand(
                &mut findings,
                "shape",
                &format!("{path}.channels[{j}].basis"),
                &channel.basis,
            );
        }
        for (j, objection) in icp.objections.iter().enumerate() {
            grounds.resolve(
                &mut findings,
                &format!("{path}.objections[{j}].basis"),
                &objection.basis,
            );
        }
    }
    check_distinct(&mut findings, &icps.icps);
    check_priorities(&mut findings, &icps.icps);
    findings.into_vec()
}

/// I1: as many profiles as requested, within the tier's limit.
fn check_number(findings: &mut Findings, icps: &Icps, prior: &PriorArtefacts) {
    let wanted = usize::try_from(prior.icps_wanted()).unwrap_or(usize::MAX);
    findings.count("I1", "icps", icps.icps.len(), wanted..=wanted);
}

fn check_counts(findings: &mut Findings, path: &str, icp: &Icp) {
    let counts = [
        ("psychographics.values", icp.psychographics.values.len(), 2..=5),
        ("psychographics.fears", icp.psychographics.fears.len(), 2..=5),
        ("psychographics.aspirations", icp.psychographics.aspirations.len(), 2..=5),
        ("jobs.functional", icp.jobs.functional.len(), 1..=3),
        ("jobs.emotional", icp.jobs.emotional.len(), 1..=2),
        ("jobs.social", icp.jobs.social.len(), 0..=2),
        ("pains", icp.pains.len(), 3..=6),
        ("gains", icp.gains.len(), 2..=5),
        ("objections", icp.objections.len(), 2..=5),
        ("buying.criteria", icp.buying.criteria.len(), 3..=6),
        ("channels", icp.channels.len(), 2..=5),
        ("watering_holes", icp.watering_holes.len(), 1..=5),
        ("disqualifiers", icp.disqualifiers.len(), 1..=4),
    ];
    for (field, len, wanted) in counts {
        findings.count("shape", format!("{path}.{field}"), len, wanted);
    }
    for (name, score) in icp.scores.each() {
        findings.one_to_five(format!("{path}.scores.{name}.score"), score.score);
    }
    let jobs = [&icp.jobs.functional, &icp.jobs.emotional, &icp.jobs.social];
    for job in jobs.into_iter().flatten() {
        findings.number(format!("{path}.jobs"), f64::from(job.satisfaction), 1.0..=10.0);
        findings.one_to_five(format!("{path}.jobs"), job.importance);
    }
    wording::distinct(
        findings,
        "G8",
        &format!("{path}.pains"),
        icp.pains.iter().map(|pain| pain.text.as_str()),
    );
}

/// I3: each pain is addressed by the selected position, or marked as not addressed.
fn check_pains(
    findings: &mut Findings,
    path: &str,
    icp: &Icp,
    prior: &PriorArtefacts,
    grounds: &Grounds<'_>,
) {
    let themes = prior.theme_ids();
    for (i, pain) in icp.pains.iter().enumerate() {
        let path = format!("{path}.pains[{i}]");
        findings.one_to_five(format!("{path}.severity"), pain.severity);
        grounds.demand(findings, "shape", &format!("{path}.basis"), &pain.basis);
        if let (Some(theme), Some(known)) = (&pain.theme_ref, &themes)
            && !known.contains(theme.as_str())
        {
            let message = format!(
                "`{theme}` is no value theme of the selected positioning; name one or set null"
            );
            findings.error("I3", format!("{path}.theme_ref"), message);
        }
    }
}

/// I4: triggers are observable events.
fn check_triggers(findings: &mut Findings, path: &str, icp: &Icp) {
    findings.count("I4", format!("{path}.triggers"), icp.triggers.len(), 2..=5);
    for (i, trigger) in icp.triggers.iter().enumerate() {
        let event = trigger.event.to_lowercase();
        if NO_TRIGGERS.iter().any(|wish| event.contains(wish)) {
            let message = "is a wish, not an event; name something that happens on a day and can be seen from outside";
            findings.error("I4", format!("{path}.triggers[{i}].event"), message);
        }
    }
}

/// I5: organisations and consumers have the fields of their type.
fn check_type(findings: &mut Findings, path: &str, icp: &Icp) {
    match icp.kind {
        IcpType::B2b => {
            if icp.firmographics.is_none() {
                findings.error(
                    "I5",
                    format!("{path}.firmographics"),
                    "is missing; a b2b profile describes an organisation",
                );
            }
            findings.count(
                "I5",
                format!("{path}.buying_committee"),
                icp.buying_committee.len(),
                1..=6,
            );
        }
        IcpType::B2c => {
            if icp.demographics.is_none() {
                findings.error(
                    "I5",
                    format!("{path}.demographics"),
                    "is missing; a b2c profile describes a person",
                );
            }
        }
    }
}

/// I7: targeting does not use protected characteristics.
fn check_targeting(findings: &mut Findings, path: &str, icp: &Icp, prior: &PriorArtefacts) {
    let demographics =
        icp.demographics.iter().flat_map(|who| [&who.age_range, &who.household, &who.occupation]);
    let triggers =
        icp.triggers.iter().flat_map(|trigger| [&trigger.event, &trigger.observable_signal]);
    let selecting: Vec<&String> =
        [&icp.name, &icp.one_line].into_iter().chain(demographics).chain(triggers).collect();
    let brief = prior.brief.statement();
    for term in PROTECTED.iter().filter(|term| !wording::mentions(&brief, term)) {
        if selecting.iter().any(|text| wording::mentions(text, term)) {
            let message = format!(
                "selects people by a protected trait (`{term}`); describe what they do instead"
            );
            findings.error("I7", path, message);
        }
    }
}

/// I2: profiles differ in their main characteristics.
fn check_distinct(findings: &mut Findings, icps: &[Icp]) {
    for (i, one) in icps.iter().enumerate() {
        for (j, other) in icps.iter().enumerate().skip(i + 1) {
            let pairs = traits(one).into_iter().zip(traits(other));
            let different = pairs.filter(|(this, that)| !wording::repeats(this, that)).count();
            if different < 2 {
                let message = format!(
                    "is too close to icps[{i}]; differ in two of segment, role, first job and first trigger"
                );
                findings.error("I2", format!("icps[{j}]"), message);
            } else if alike(&one.one_line, &other.one_line) {
                let message =
                    format!("reads like icps[{i}].one_line; say what sets this profile apart");
                findings.error("I2", format!("icps[{j}].one_line"), message);
            }
        }
    }
}

/// The segment, the role, the first job and the first trigger.
fn traits(icp: &Icp) -> [&str; 4] {
    let segment = match (&icp.firmographics, &icp.demographics) {
        (Some(organisation), _) => organisation.industry.as_str(),
        (None, Some(person)) => person.household.as_str(),
        (None, None) => "",
    };
    let role = match (icp.buying_committee.first(), &icp.demographics) {
        (Some(member), _) => member.role.as_str(),
        (None, Some(person)) => person.occupation.as_str(),
        (None, None) => "",
    };
    [
        segment,
        role,
        icp.jobs.functional.first().map_or("", |job| &job.statement),
        icp.triggers.first().map_or("", |trigger| &trigger.event),
    ]
}

/// I6 and I8: priorities are computed, ranks follow from them, and one profile is primary.
fn check_priorities(findings: &mut Findings, icps: &[Icp]) {
    let ranks: BTreeSet<u32> = icps.iter().map(|icp| icp.rank).collect();
    if ranks.len() < icps.len() {
        findings.error("I6", "icps", "two profiles share a rank");
    }
    for (i, icp) in icps.iter().enumerate() {
        if (icp.priority - icp.scores.priority()).abs() > 1e-6 {
            findings.error(
                "I6",
                format!("icps[{i}].priority"),
                "is not what follows from the scores",
            );
        }
    }
    let scores = |icp: &Icp| icp.scores.each().map(|(_, score)| score.score);
    if let [first, others @ ..] = icps
        && !others.is_empty()
        && others.iter().all(|icp| scores(icp) == scores(first))
    {
        findings.error(
            "I6",
            "icps",
            "all profiles have the same scores; score each by what is known of it",
        );
    }
    if icps.iter().filter(|icp| icp.role == IcpRole::Primary).count() != 1 {
        findings.warning("I8", "icps", "exactly one profile should be primary");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::artefact::{
        Artefact, Draft,
        fixture::{self, check_artefact},
        icps::{Icps, IcpsDraft},
    };

    fn check(pointer: &str, to: Value, rule: &str) {
        fixture::check::<IcpsDraft>("icps", pointer, to, rule);
    }

    #[test]
    fn each_rule_finds_its_violation() {
        check("/icps", json!([]), "I1");
        check("/icps/1/one_line", fixture::draft("icps")["icps"][0]["one_line"].clone(), "I2");
        check("/icps/0/pains/0/theme_ref", json!("thm_insured"), "I3");
        check("/icps/0/triggers/0/event", json!("The owner wants to grow"), "I4");
        check("/icps/0/triggers", json!([]), "I4");
        check("/icps/0/firmographics", json!(null), "I5");
        check("/icps/0/buying_committee", json!([]), "I5");
        check("/icps/0/type", json!("b2c"), "I5");
        check(
            "/icps/0/one_line",
            json!("Owners of one café who are religious and pull the shots themselves."),
            "I7",
        );
        check("/icps/0/pains", json!([]), "shape");
        check("/icps/0/scores/pain/score", json!(6), "shape");
        check("/icps/0/channels/0/basis", json!([]), "shape");
        check("/icps/1/id", json!("icp_owner"), "G1");
    }

    #[test]
    fn priorities_are_computed() {
        check_artefact::<Icps>("/icps/0/priority", json!(0.1), "I6");
        check_artefact::<Icps>("/icps/1/rank", json!(1), "I6");
        check_artefact::<Icps>("/icps/1/role", json!("primary"), "I8");
        let same = fixture::draft("icps")["icps"][0]["scores"].clone();
        let mut icps = fixture::draft("icps")["icps"].clone();
        for icp in icps.as_array_mut().unwrap() {
            icp["scores"] = same.clone();
        }
        check("/icps", icps, "I6");
    }

    #[test]
    fn profiles_are_sorted_by_priority() {
        let mut draft = fixture::draft("icps");
        draft["icps"].as_array_mut().unwrap().reverse();
        let world = fixture::world();
        let icps = serde_json::from_value::<IcpsDraft>(draft).unwrap().build(&world);
        assert_eq!(
            icps.icps.iter().map(|icp| (icp.rank, icp.id.as_str())).collect::<Vec<_>>(),
            [(1, "icp_owner"), (2, "icp_chain"), (3, "icp_roaster"),]
        );
        // .30·1 + .20·.75 + .20·.75 + .20·1 + .10·.75
        assert!((icps.primary().unwrap().priority - 0.875).abs() < 1e-9);
    }

    #[test]
    fn a_trait_named_in_the_brief_is_allowed() {
        let mut world = fixture::world();
        world.brief.description.push_str(" Half of our customers are religious houses.");
        let mut icps = world.icps.clone().unwrap();
        icps.icps[0].profile.one_line = "Kitchens of religious houses.".into();
        assert_eq!(icps.check(&world), []);
    }
}
