//! Objectives: the client's goals in figures, and the objectives that must precede them.

use marketing::{
    artefact::sostac::{FiveS, Objective, ObjectiveLevel},
    brief::Goal,
};

use super::super::{
    story::Story,
    wording::{overlap, phrase, sentence},
};

/// The most goals: with the two objectives that precede them, six, which is the most of a plan.
const MOST_GOALS: usize = 4;
/// Goals may be similar, so each objective ends in its own words.
const CLOSINGS: [&str; MOST_GOALS] = [
    "seen in the count of customers each week",
    "checked against invoices at every month's end",
    "read from the project list by whoever leads it",
    "confirmed by asking those concerned once a quarter",
];

pub(super) fn of_goals(story: &Story<'_>) -> Vec<Objective> {
    let goals = &story.context.brief.goals;
    // A goal that repeats an earlier one shares its objective.
    let repeats =
        |n: usize| goals[..n].iter().any(|earlier| overlap(&earlier.text, &goals[n].text));
    let own = (0..goals.len()).filter(|n| !repeats(*n));
    let mut objectives: Vec<Objective> =
        own.zip(CLOSINGS).map(|(n, closing)| of_goal(story, n, closing)).collect();
    objectives.push(enquiries(story));
    objectives.push(recall(story));
    objectives
}

fn of_goal(story: &Story<'_>, n: usize, closing: &str) -> Objective {
    let goal = &story.context.brief.goals[n];
    let number = u32::try_from(n + 1).unwrap_or(1);
    let wished = sentence(&goal.text, 90, "Reach what the business has set out to reach");
    let unit = goal
        .metric
        .as_ref()
        .map_or_else(|| "percent".into(), |metric| phrase(&metric.replace('_', " "), 4, "percent"));
    let target = goal.target.unwrap_or_else(|| f64::from(20 + 5 * number));
    let deadline = deadline(story, goal);
    Objective {
        id: format!("obj_goal_{number}"),
        statement: format!("{wished}: {target} {unit} by {deadline}, {closing}."),
        metric_id: format!("met_goal_{number}"),
        metric: format!("Progress on goal {number}: {wished}"),
        unit,
        baseline: None,
        baseline_source: "Count it from the customer list in the first week".into(),
        target,
        deadline,
        level: ObjectiveLevel::Business,
        five_s: FiveS::Sell,
        goal: number,
    }
}

/// The client's date; eleven months from now if it is later or missing.
fn deadline(story: &Story<'_>, goal: &Goal) -> String {
    let latest = story.in_weeks(48);
    goal.by.filter(|by| (story.context.today..=latest).contains(by)).unwrap_or(latest).to_string()
}

fn enquiries(story: &Story<'_>) -> Objective {
    let deadline = story.in_weeks(26).to_string();
    Objective {
        id: "obj_enquiries".into(),
        statement: format!(
            "Hold 40 first talks with fitting prospects until {deadline}, counted in the booking diary."
        ),
        metric_id: "met_first_talks".into(),
        metric: "First talks with fitting prospects".into(),
        unit: "talks".into(),
        baseline: None,
        baseline_source: "Go through the diary of the past three months".into(),
        target: 40.0,
        deadline,
        level: ObjectiveLevel::Marketing,
        five_s: FiveS::Speak,
        goal: 1,
    }
}

fn recall(story: &Story<'_>) -> Objective {
    let deadline = story.in_weeks(39).to_string();
    Objective {
        id: "obj_recall".into(),
        statement: format!(
            "Be named unaided by 15 percent of surveyed buyers on {deadline}, asked in a short poll."
        ),
        metric_id: "met_recall".into(),
        metric: "Unaided recall among surveyed buyers".into(),
        unit: "percent of buyers".into(),
        baseline: None,
        baseline_source: "Poll forty buyers before the first campaign".into(),
        target: 15.0,
        deadline,
        level: ObjectiveLevel::Communication,
        five_s: FiveS::Sizzle,
        goal: 1,
    }
}
