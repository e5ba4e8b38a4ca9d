//! Objectives: the client's goals in figures, and what has to come before them.

use domain::{
    artefact::sostac::{FiveS, Objective, ObjectiveLevel},
    brief::Goal,
};

use super::super::{story::Story, wording::phrase};

/// With the two that come before them, still within the six of a plan.
const MOST_GOALS: usize = 4;

pub(super) fn of_goals(story: &Story<'_>) -> Vec<Objective> {
    let goals = story.context.brief.goals.iter().take(MOST_GOALS);
    let mut objectives: Vec<Objective> = (1..).zip(goals).map(|(n, goal)| of_goal(story, n, goal)).collect();
    objectives.push(enquiries(story));
    objectives.push(recall(story));
    objectives
}

fn of_goal(story: &Story<'_>, n: u32, goal: &Goal) -> Objective {
    let wished = phrase(&goal.text, 8, "Reach what the business has set out to reach");
    // Goals may resemble each other; each closes in its own words, so that the objectives do not.
    let closings = [
        "seen in the count of customers each week",
        "checked against invoices at every month's end",
        "read from the project list by whoever leads it",
        "confirmed by asking those concerned once a quarter",
    ];
    let closing = closings[usize::try_from(n).unwrap_or(1).saturating_sub(1) % closings.len()];
    let unit =
        goal.metric.as_ref().map_or_else(|| "percent".into(), |metric| phrase(&metric.replace('_', " "), 4, "percent"));
    let target = goal.target.unwrap_or_else(|| f64::from(20 + 5 * n));
    let deadline = deadline(story, goal);
    Objective {
        id: format!("obj_goal_{n}"),
        statement: format!("{wished}: {target} {unit} by {deadline}, {closing}."),
        metric_id: format!("met_goal_{n}"),
        metric: format!("Progress on goal {n}: {wished}"),
        unit,
        baseline: None,
        baseline_source: "Count it from the customer list in the first week".into(),
        target,
        deadline,
        level: ObjectiveLevel::Business,
        five_s: FiveS::Sell,
        goal: n,
    }
}

/// The client's day, or eleven months from now where it lies further away or was not said.
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
        statement: format!("Be named unaided by 15 percent of surveyed buyers on {deadline}, asked in a short poll."),
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
