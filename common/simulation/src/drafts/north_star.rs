use marketing::{
    artefact::north_star::{
        CandidateDraft, Dimension, Game, InputMetric, Metric, NorthStarDraft, Targets,
    },
    brief::BusinessModel,
};

use super::{story::Story, wording::strings};

pub(super) fn draft(story: &Story<'_>) -> NorthStarDraft {
    let Star { name, definition, game } = star(story);
    let m3 = 20.0 + f64::from(u32::try_from(story.at("target").below(4)).unwrap_or(0)) * 5.0;
    NorthStarDraft {
        metric: Metric {
            id: "met_north_star".into(),
            name: name.into(),
            definition: definition.into(),
            formula: "Count of those who meet the definition within the period, each once".into(),
            unit: "count".into(),
            game,
            why_value: "It only rises when somebody has got what they came for.".into(),
            why_leads_revenue: "Those who got it stay, buy again or bring others, and invoices follow.".into(),
            owner_role: "owner".into(),
            source_system: "The customer list, with the date of each success".into(),
            cadence: "weekly".into(),
        },
        candidates: vec![
            candidate(name, [5, 4, 4, 5, 4, 4]),
            candidate("Enquiries answered within a day", [3, 4, 5, 4, 4, 3]),
            candidate("Recommendations given by customers", [4, 4, 3, 4, 3, 3]),
        ],
        input_metrics: vec![
            input(
                "met_first_success",
                "Days until a first success",
                Dimension::Efficiency,
                14.0,
                "Turn onboarding into a visible checklist",
            ),
            input(
                "met_active_share",
                "Share of clients who used it this month",
                Dimension::Breadth,
                80.0,
                "Call whoever went quiet",
            ),
            input(
                "met_repeat_use",
                "Uses per active client",
                Dimension::Frequency,
                6.0,
                "Show the next useful step after each use",
            ),
            input(
                "met_full_use",
                "Clients who use all that they pay for",
                Dimension::Depth,
                50.0,
                "Review the account together every quarter",
            ),
        ],
        guardrails: strings(["Complaints for each hundred clients", "Hours of support for each client"]),
        lagging: strings(["Revenue from clients of the past year", "Share of clients who renew"]),
        targets: Targets { m3, m6: m3 * 1.6, m12: m3 * 3.0, lower_is_better: false },
        relation: "New clients × share that reaches a first success × uses per client, less those who go quiet".into(),
        objective_refs: story.context.objectives.iter().take(2).map(|objective| objective.id.clone()).collect(),
        assumptions: story.assumptions([
            ("A first success can be dated for every client.", "Date it for the ten most recent ones."),
            (
                "What is counted stays the same when the team grows.",
                "Write the definition down and have two people count once.",
            ),
        ]),
    }
}

struct Star {
    name: &'static str,
    definition: &'static str,
    game: Game,
}

fn star(story: &Story<'_>) -> Star {
    let (name, definition, game) = match story.context.brief.business_model {
        BusinessModel::B2bSaas => (
            "Clients working with it every week",
            "Organisations in which at least two people completed their main task with it in the week",
            Game::Productivity,
        ),
        BusinessModel::B2bServices => (
            "Milestones accepted by clients each month",
            "Milestones that a client has accepted in writing within the calendar month",
            Game::Productivity,
        ),
        BusinessModel::B2cEcom => (
            "Orders kept and repeated within a season",
            "Customers who kept an order and placed another one within ninety days",
            Game::Transaction,
        ),
        BusinessModel::B2cSubscription => (
            "Members who used it in three weeks of the month",
            "Members with at least one completed use in three of the month's weeks",
            Game::Attention,
        ),
        BusinessModel::Marketplace => (
            "Matches completed to both sides' satisfaction",
            "Matches that both sides confirmed as completed within the week",
            Game::Transaction,
        ),
        BusinessModel::LocalService => (
            "Guests who came back within two months",
            "People with a second visit within sixty days of the one before",
            Game::Transaction,
        ),
        BusinessModel::Nonprofit => (
            "People helped to a lasting result",
            "People whose result still holds three months after the help ended",
            Game::Productivity,
        ),
        BusinessModel::Other => (
            "Customers who reached their own goal this month",
            "Customers who confirmed within the month that they got what they came for",
            Game::Productivity,
        ),
    };
    Star { name, definition, game }
}

fn candidate(name: &str, scores: [u32; 6]) -> CandidateDraft {
    let [value, leading, actionable, understandable, measurable, hard_to_game] = scores;
    CandidateDraft {
        name: name.into(),
        value,
        leading,
        actionable,
        understandable,
        measurable,
        hard_to_game,
    }
}

fn input(id: &str, name: &str, dimension: Dimension, target: f64, lever: &str) -> InputMetric {
    InputMetric {
        id: id.into(),
        name: name.into(),
        dimension,
        formula: "Counted from the customer list at the end of the period".into(),
        baseline: None,
        target,
        levers: strings([lever]),
    }
}
