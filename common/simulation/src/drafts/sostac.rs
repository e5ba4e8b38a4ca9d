mod actions;
mod objectives;

use marketing::artefact::sostac::{
    Control, ControlMeasure, GrowthDirection, Insight, MixElement, Situation, SostacOpeningDraft,
    SostacPlanDraft, Strategy, Tactic,
};

use super::{
    story::{Story, in_turn},
    wording::{capitalised, strings},
};
use crate::context::Objective;

pub(super) fn opening(story: &Story<'_>) -> SostacOpeningDraft {
    let Story { name, place, offer, .. } = story;
    let insight = |n: usize, text: &str| Insight { text: text.into(), basis: story.basis(n) };
    SostacOpeningDraft {
        situation: Situation {
            summary: format!(
                "{} sells {offer} in {place}. Those who know it stay; too few others hear of it at the moment when \
                 they look for something new.",
                capitalised(name)
            ),
            insights: vec![
                insight(
                    0,
                    "The moment of search is short, and whoever is recalled then gets the conversation.",
                ),
                insight(
                    1,
                    "Results convince more than features, but they have not been written up.",
                ),
                insight(
                    2,
                    "Hours are scarcer than ideas, so that few channels done steadily beat many begun.",
                ),
            ],
        },
        objectives: objectives::of_goals(story),
        assumptions: story.assumptions([
            (
                "Figures without a baseline can be counted within the first week.",
                "Count them, and correct the targets once.",
            ),
            (
                "The goals of the brief stay as they are for the year.",
                "Confirm them at the first review.",
            ),
        ]),
    }
}

pub(super) fn plan(story: &Story<'_>) -> SostacPlanDraft {
    let Story { name, offer, .. } = story;
    let position = story.context.positioning.as_ref();
    let word = position.map_or("certainty", |position| position.word_to_own.as_str());
    SostacPlanDraft {
        strategy: Strategy {
            segmentation:
                "By the event that starts the search, for it decides who listens and when.".into(),
            icp_refs: story.context.icps.iter().map(|icp| icp.id.clone()).collect(),
            positioning_ref: position.map(|position| position.id.clone()).unwrap_or_default(),
            value_proposition: format!(
                "{} brings {word} to people who need {offer}.",
                capitalised(name)
            ),
            sequence: strings([
                "Write up proof from present customers",
                "Win the primary profile through warm introductions",
                "Widen to the other profiles once proof travels by itself",
            ]),
            trade_offs: strings([
                "No paid reach before two cases are published, since strangers would not believe it",
                "No further channel this quarter, because the hours do not carry it",
            ]),
            growth_direction: GrowthDirection::MarketPenetration,
        },
        tactics: tactics(story),
        action: actions::of_quarter(story),
        control: control(story),
        assumptions: story.assumptions([
            (
                "Present customers agree to be named or quoted.",
                "Ask the three most recent ones this week.",
            ),
            (
                "The team keeps its hours for marketing through the quarter.",
                "Block them in the calendar and compare each month.",
            ),
        ]),
    }
}

fn tactics(story: &Story<'_>) -> Vec<Tactic> {
    let works = [
        (
            MixElement::PhysicalEvidence,
            "cases",
            "Write two customer stories with figures that the customer has confirmed",
        ),
        (
            MixElement::Promotion,
            "series",
            "Publish a steady weekly series that answers one question of the primary profile",
        ),
        (
            MixElement::People,
            "introductions",
            "Ask every satisfied client for one introduction at the first success",
        ),
        (
            MixElement::Process,
            "first-hour",
            "Answer each enquiry within an hour with a short, personal recording",
        ),
        (
            MixElement::Price,
            "trial",
            "Offer a bounded first step at a fixed fee that counts towards the full purchase",
        ),
        (
            MixElement::Place,
            "partners",
            "Equip two partners with a page and a referral agreement of their own",
        ),
        (
            MixElement::Product,
            "onboarding",
            "Turn onboarding into a checklist whose completion both sides can see",
        ),
    ];
    let context = story.context;
    let channels = story.channels();
    let (cost, hours) = per_work(story, works.len());
    let inputs = context.north_star.as_ref().map_or(&[][..], |star| &star.input_metrics);
    let tactic = |(n, (element, slug, description)): (usize, (MixElement, &str, &str))| Tactic {
        id: format!("tac_{slug}"),
        element,
        channel: channels[n % channels.len()].clone(),
        icp_refs: in_turn(&context.icps, n).map(|icp| icp.id.clone()).into_iter().collect(),
        objective_refs: in_turn(&context.objectives, n)
            .map(|objective| objective.id.clone())
            .into_iter()
            .collect(),
        metric_refs: in_turn(inputs, n).map(|input| input.id.clone()).into_iter().collect(),
        description: format!("{description}."),
        cost_per_month: cost,
        hours_per_week: hours,
        expected_effect: "More first conversations of the right sort within a quarter".into(),
        basis: story.basis(n),
    };
    works.into_iter().enumerate().map(tactic).collect()
}

/// Monthly cost and weekly hours for each of `count` pieces of work, well within the brief's
/// limits.
fn per_work(story: &Story<'_>, count: usize) -> (f64, f64) {
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let brief = &story.context.brief;
    let cost = brief.monthly_marketing_budget.map_or(0.0, |budget| (budget * 0.8 / count).floor());
    let hours =
        brief.team_hours_per_week.map_or(1.5, |hours| (hours * 0.8 / count * 10.0).floor() / 10.0);
    (cost, hours.min(20.0))
}

fn control(story: &Story<'_>) -> Control {
    let measure = |objective: &Objective| ControlMeasure {
        objective_ref: objective.id.clone(),
        kpi: objective.metric.clone(),
        source: "The customer list, counted by hand until a report exists".into(),
        cadence: "weekly".into(),
        green: format!("On the line to {} {} or above", objective.target, objective.unit),
        amber: "Up to a fifth below that line".into(),
        red: "More than a fifth below that line".into(),
        trigger: "Red at two reviews in a row".into(),
        response: "Stop the weakest tactic and give its hours to the strongest one".into(),
    };
    Control {
        measures: story.context.objectives.iter().map(measure).collect(),
        review_calendar: strings([
            "Every Monday: the owner and the marketing lead",
            "Last Friday of the month: everybody",
        ]),
    }
}
