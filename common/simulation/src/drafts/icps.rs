mod archetypes;

use marketing::artefact::icps::{
    Buying, Channel, CommitteeMember, ContentPreferences, Demographics, Firmographics, IcpDraft,
    IcpScores, IcpType, IcpsDraft, Influence, Job, Jobs, Objection, Pain, Psychographics, Score,
    Trigger,
};

use super::{
    story::{Story, in_turn},
    wording::{capitalised, strings},
};
use archetypes::{Archetype, BUSINESSES, CONSUMERS};

pub(super) fn draft(story: &Story<'_>) -> IcpsDraft {
    let archetypes = if story.sells_to_businesses() { &BUSINESSES } else { &CONSUMERS };
    let wanted = story.context.icp_count.clamp(3, archetypes.len());
    // The first profile stays first; the others differ from request to request.
    let shift = story.at("profiles").below(archetypes.len() - 1);
    let place = |n: usize| if n == 0 { 0 } else { 1 + (n - 1 + shift) % (archetypes.len() - 1) };
    IcpsDraft {
        icps: (0..wanted).map(|n| profile(story, n, &archetypes[place(n)])).collect(),
        assumptions: story.assumptions([
            (
                "People of these profiles use the channels that present customers use.",
                "Ask the next ten enquiries where they looked first.",
            ),
            (
                "Each profile is large enough to carry a quarter of work.",
                "Count matching entries in a public directory.",
            ),
        ]),
    }
}

fn profile(story: &Story<'_>, n: usize, archetype: &Archetype) -> IcpDraft {
    let Story { name, trade, place, offer, .. } = story;
    let business = story.sells_to_businesses();
    let Archetype { slug, who, role, setting, job, .. } = archetype;
    IcpDraft {
        id: format!("icp_{slug}"),
        name: who.to_string(),
        one_line: format!("{who} who {}, {setting}.", archetype.tension),
        kind: if business { IcpType::B2b } else { IcpType::B2c },
        firmographics: business.then(|| firmographics(story, archetype)),
        demographics: (!business).then(|| demographics(story, archetype)),
        buying_committee: if business { committee(role) } else { Vec::new() },
        psychographics: Psychographics {
            values: strings(["reliability", "plain words", "keeping one's promises"]),
            fears: vec![
                "having chosen wrongly in public".into(),
                format!("being left alone with {offer}"),
            ],
            aspirations: strings(["a day without surprises", "being asked for advice by peers"]),
        },
        jobs: jobs(job),
        pains: pains(story, n, archetype),
        gains: strings([
            "Hours back every week",
            "A decision that can be explained in two sentences",
        ]),
        triggers: archetype.triggers.map(|(event, signal)| trigger(event, signal)).into(),
        objections: objections(story, n, archetype),
        alternatives: strings(["carrying on as before", "a larger provider"]),
        buying: Buying {
            criteria: strings([
                "proof from somebody alike",
                "effort of the change",
                "cost over a whole year",
            ]),
            process: "Notices the problem, asks a peer, compares two offers, tries one".into(),
            cycle_days: if business { 90 } else { 14 },
            budget_range: "within what is spent on the problem today".into(),
        },
        channels: channels(story, n),
        watering_holes: vec![
            format!("Meetings of people in {trade}"),
            format!("Groups of people from {place}"),
        ],
        content_preferences: ContentPreferences {
            formats: strings(["short case", "checklist", "film of two minutes"]),
            tone: "matter-of-fact, with a name behind it".into(),
            topics: vec![job.to_string(), format!("What {offer} costs in a whole year")],
        },
        positioning_message: format!(
            "{} shows {} what comes out before it has to be paid.",
            capitalised(name),
            role
        ),
        disqualifiers: strings(["Compares prices only", "Cannot name who decides"]),
        scores: scores(story, n),
        anti_persona: Some(
            "Somebody who collects offers to lower the price of another vendor".into(),
        ),
    }
}

fn firmographics(story: &Story<'_>, archetype: &Archetype) -> Firmographics {
    Firmographics {
        industry: archetype.who.into(),
        size_band: "small and mid-sized".into(),
        geography: story.place.clone(),
        revenue_band: "not published".into(),
        technology: strings(["spreadsheets", "email"]),
        business_model: "sells to regular customers".into(),
    }
}

fn demographics(story: &Story<'_>, archetype: &Archetype) -> Demographics {
    Demographics {
        age_range: "25 to 60".into(),
        income_band: "average and above".into(),
        location: story.place.clone(),
        household: archetype.setting.into(),
        occupation: archetype.role.into(),
    }
}

fn committee(role: &str) -> Vec<CommitteeMember> {
    let member = |role: &str, seniority: &str, influence| CommitteeMember {
        role: role.into(),
        seniority: seniority.into(),
        influence,
    };
    vec![
        member(role, "head of a team", Influence::Champion),
        member("managing director", "executive", Influence::Economic),
        member("bookkeeper", "specialist", Influence::Blocker),
    ]
}

fn jobs(functional: &str) -> Jobs {
    let job = |statement: String, success: &str, today: &str| Job {
        statement,
        success_criteria: success.into(),
        current_solution: today.into(),
        satisfaction: 4,
        frequency: "every week".into(),
        importance: 4,
    };
    Jobs {
        functional: vec![job(
            functional.into(),
            "It works at the first attempt",
            "By hand, from memory",
        )],
        emotional: vec![job(
            "When others depend on me, I want to be sure, so that I can sleep".into(),
            "No call at night",
            "Checking everything twice",
        )],
        social: Vec::new(),
    }
}

fn pains(story: &Story<'_>, n: usize, archetype: &Archetype) -> Vec<Pain> {
    let themes = story.context.positioning.iter().flat_map(|position| &position.value_themes);
    let themes: Vec<&str> = themes.map(|theme| theme.id.as_str()).collect();
    let pain = |(i, text): (usize, &str)| Pain {
        id: format!("pain_{}_{}", archetype.slug, i + 1),
        text: text.into(),
        severity: [5, 4, 3][i % 3],
        theme_ref: in_turn(&themes, i).map(|theme| (*theme).to_owned()),
        basis: story.basis(n + i),
    };
    archetype.pains.into_iter().enumerate().map(pain).collect()
}

fn trigger(event: &str, signal: &str) -> Trigger {
    Trigger {
        event: event.into(),
        observable_signal: signal.into(),
        where_to_detect: "Public notices, and talk among peers".into(),
    }
}

fn objections(story: &Story<'_>, n: usize, archetype: &Archetype) -> Vec<Objection> {
    let answers = [
        "A bounded first step shows it within weeks.",
        "Two customers in the same position tell how it went.",
    ];
    let objection = |(text, answer): (&str, &str)| Objection {
        text: text.into(),
        answer: answer.into(),
        basis: story.basis(n),
    };
    archetype.objections.into_iter().zip(answers).map(objection).collect()
}

fn channels(story: &Story<'_>, n: usize) -> Vec<Channel> {
    let all = story.channels();
    let channel = |i: usize| Channel {
        channel: all[(n + i) % all.len()].clone(),
        basis: story.basis(n + i),
        reach_note: "With something useful first, and an invitation second".into(),
    };
    (0..all.len().min(3)).map(channel).collect()
}

/// The first profile has clearly the highest scores; the others differ from it and from each other.
fn scores(story: &Story<'_>, n: usize) -> IcpScores {
    let vary = |criterion: &str| {
        u32::try_from(story.at(criterion).with(&n.to_string()).below(2)).unwrap_or(0)
    };
    let score = |criterion: &str, first: u32, reason: &str| Score {
        score: if n == 0 { first } else { 3 + vary(criterion) },
        reason: reason.into(),
    };
    IcpScores {
        pain: score("pain", 5, "The problem costs them something every week"),
        willingness_to_pay: score("willingness", 4, "Money is spent on makeshifts already"),
        reachability: score("reach", 5, "They are on channels that the business uses"),
        fit: score("fit", 5, "Present customers are much like them"),
        size: score("size", 3, "There are enough for a year of work, but not countless"),
    }
}
