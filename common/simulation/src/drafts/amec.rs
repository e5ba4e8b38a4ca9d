use marketing::artefact::{
    amec::{Activity, Amec, AmecInput, AmecObjective, Impact, Measure, Method, Scope},
    sostac::ObjectiveLevel,
};

use super::story::Story;
use crate::context::{Objective, Tactic};

pub(super) fn draft(story: &Story<'_>) -> Amec {
    let context = story.context;
    let objective = |objective: &Objective| AmecObjective {
        objective_ref: objective.id.clone(),
        scope: if objective.level == ObjectiveLevel::Communication {
            Scope::Communication
        } else {
            Scope::Organisational
        },
    };
    // The last objectives are about communication and the first are the client's goals: both kinds
    // are included.
    let (first, last) = context.objectives.split_at(context.objectives.len().saturating_sub(2));
    Amec {
        objectives: first.iter().take(3).chain(last).map(objective).collect(),
        inputs: inputs(story),
        activities: activities(story),
        outputs: vec![
            measure(
                story,
                8,
                "ams_items",
                "Items published as planned",
                "items",
                30.0,
                "ams_done_1",
            ),
            measure(
                story,
                8,
                "ams_reached",
                "People reached who fit a profile",
                "people",
                4_000.0,
                "ams_done_2",
            ),
            measure(
                story,
                10,
                "ams_cases",
                "Customer stories handed out in talks",
                "stories",
                20.0,
                "ams_done_3",
            ),
        ],
        outtakes: vec![
            measure(
                story,
                12,
                "ams_replies",
                "Replies that mention the problem in own words",
                "replies",
                60.0,
                "ams_reached",
            ),
            Measure {
                method: Method::Qual,
                ..measure(
                    story,
                    13,
                    "ams_recall",
                    "What interviewed buyers remember unprompted",
                    "interviews of 12",
                    6.0,
                    "ams_cases",
                )
            },
        ],
        outcomes: vec![
            measure(
                story,
                20,
                "ams_talks",
                "First talks with people who fit a profile",
                "talks",
                40.0,
                "ams_replies",
            ),
            measure(
                story,
                26,
                "ams_preference",
                "Surveyed buyers who would ask this business first",
                "percent",
                15.0,
                "ams_recall",
            ),
        ],
        impact: vec![impact(story)],
        assumptions: story.assumptions([
            (
                "Buyers say truthfully where they first heard of the business.",
                "Compare their answers with the visit log for one month.",
            ),
            (
                "Nothing else of weight changes in the same months.",
                "Keep a diary of price changes, press and season.",
            ),
        ]),
    }
}

fn inputs(story: &Story<'_>) -> Vec<AmecInput> {
    let brief = &story.context.brief;
    let input = |resource: &str, amount, unit: String, baseline_research: &str| AmecInput {
        resource: resource.into(),
        amount,
        unit,
        baseline_research: baseline_research.into(),
    };
    vec![
        input(
            "Hours of the team",
            brief.team_hours_per_week.unwrap_or(10.0),
            "hours each week".into(),
            "Hours of the past month as far as they were noted",
        ),
        input(
            "Marketing budget",
            brief.monthly_marketing_budget.unwrap_or(0.0),
            format!("{} each month", brief.currency),
            "Spending of the past quarter by channel",
        ),
    ]
}

/// The tactics of the plan, at least three: the chain of effects starts at each of the first three.
fn activities(story: &Story<'_>) -> Vec<Activity> {
    let activity = |(n, tactic): (usize, &Tactic)| Activity {
        id: format!("ams_done_{}", n + 1),
        description: format!("Work on {} as planned", tactic.channel),
        refs: vec![tactic.id.clone()],
    };
    story.context.tactics.iter().enumerate().map(activity).collect()
}

fn measure(
    story: &Story<'_>,
    weeks: i64,
    id: &str,
    definition: &str,
    unit: &str,
    target: f64,
    cause: &str,
) -> Measure {
    Measure {
        id: id.into(),
        definition: definition.into(),
        channel: "all".into(),
        baseline: None,
        target,
        unit: unit.into(),
        date: story.in_weeks(weeks).to_string(),
        data_source: "The customer list and the diary of first talks".into(),
        method: Method::Quant,
        cadence: "monthly".into(),
        owner_role: "marketing lead".into(),
        confidence: 0.6,
        caused_by: vec![cause.into()],
    }
}

fn impact(story: &Story<'_>) -> Impact {
    let context = story.context;
    let objective = context.objectives.first();
    let star = context.north_star.iter().map(|star| star.metric.id.clone());
    let (unit, target) = objective
        .map_or(("customers", 10.0), |objective| (objective.unit.as_str(), objective.target));
    let mut measure = measure(
        story,
        48,
        "ams_gain",
        "What the business gains on its first goal",
        unit,
        target,
        "ams_talks",
    );
    if let Some(objective) = objective {
        measure.date.clone_from(&objective.deadline);
    }
    Impact {
        measure,
        feeds: objective.map(|objective| objective.id.clone()).into_iter().chain(star).collect(),
        attribution_model:
            "Asking every new customer what made them come, first and last touch both noted".into(),
        attribution_limits:
            "It misses what people have forgotten, and talks that never led to a purchase.".into(),
        counterfactual:
            "The same months of last year, and enquiries from places where nothing was published."
                .into(),
    }
}
