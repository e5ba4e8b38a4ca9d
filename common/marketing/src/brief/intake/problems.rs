//! Problems of a brief that prevent an analysis: texts, lists, dates and figures out of bounds,
//! each with its field.

use jiff::civil::Date;

use super::FieldNote;
use crate::brief::{Brief, UnitEconomics};

/// The most entries of any list of the brief except documents, goals and offers.
const MAX_ENTRIES: usize = 50;
/// The most characters of such an entry.
const MAX_ENTRY_CHARS: usize = 500;
/// The most documents of a brief.
const MAX_DOCUMENTS: usize = 20;
/// The most characters of a document.
const MAX_DOCUMENT_CHARS: usize = 60_000;
/// The largest share that is less than 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON;

/// All problems that prevent an analysis.
pub(super) fn all(brief: &Brief, today: Date) -> Vec<FieldNote> {
    let mut problems = Vec::new();
    for (field, text, label) in [
        ("name", &brief.name, "the name of the business"),
        ("industry", &brief.industry, "the trade"),
        ("location", &brief.location, "the place"),
    ] {
        if !(2..=120).contains(&text.trim().chars().count()) {
            problems.push(FieldNote::new(
                field,
                format!("Please give {label} in 2 to 120 characters."),
            ));
        }
    }
    let described = brief.description.trim().chars().count();
    if described < 80 {
        let text = "Please describe what you do, for whom, and what stands in your way, in 80 characters or more.";
        problems.push(FieldNote::new("description", text));
    } else if described > 8_000 {
        problems.push(FieldNote::new(
            "description",
            "Please keep the description within 8 000 characters; add the rest as a document.",
        ));
    }
    problems.extend(goal_problems(brief, today));
    problems.extend(list_problems(brief));
    problems.extend(figure_problems(brief));
    problems
}

fn goal_problems(brief: &Brief, today: Date) -> Vec<FieldNote> {
    let mut problems = Vec::new();
    if !(1..=5).contains(&brief.goals.len()) {
        problems.push(FieldNote::new("goals", "Which goals matter most? Please give one to five."));
    }
    for (i, goal) in brief.goals.iter().enumerate() {
        if !(2..=MAX_ENTRY_CHARS).contains(&goal.text.trim().chars().count()) {
            problems.push(FieldNote::new(
                format!("goals[{i}].text"),
                "Please put this goal into one sentence.",
            ));
        }
        if goal.by.is_some_and(|by| by < today) {
            problems.push(FieldNote::new(
                format!("goals[{i}].by"),
                "This date has passed. By when should the goal be reached?",
            ));
        }
        if goal.target.is_some_and(|target| !target.is_finite()) {
            problems.push(FieldNote::new(
                format!("goals[{i}].target"),
                "Please give the target as a number.",
            ));
        }
    }
    problems
}

fn list_problems(brief: &Brief) -> Vec<FieldNote> {
    let mut problems = Vec::new();
    for (field, entries) in [
        ("known_competitors", &brief.known_competitors),
        ("current_channels", &brief.current_channels),
        ("proof_assets", &brief.proof_assets),
        ("constraints", &brief.constraints),
    ] {
        if entries.len() > MAX_ENTRIES {
            problems.push(FieldNote::new(
                field,
                format!("Please name the {MAX_ENTRIES} that matter most."),
            ));
        }
        let too_long =
            |entry: &String| !(1..=MAX_ENTRY_CHARS).contains(&entry.trim().chars().count());
        if let Some(i) = entries.iter().position(too_long) {
            problems.push(FieldNote::new(
                format!("{field}[{i}]"),
                "Please write 1 to 500 characters here.",
            ));
        }
    }
    if brief.documents.len() > MAX_DOCUMENTS {
        problems.push(FieldNote::new(
            "documents",
            format!("Please choose the {MAX_DOCUMENTS} most telling documents."),
        ));
    }
    for (i, document) in brief.documents.iter().enumerate() {
        let length = document.text.chars().count();
        if document.text.trim().is_empty() || length > MAX_DOCUMENT_CHARS {
            let text = format!(
                "Please paste 1 to {MAX_DOCUMENT_CHARS} characters; this one has {length}."
            );
            problems.push(FieldNote::new(format!("documents[{i}].text"), text));
        }
        if !(1..=200).contains(&document.title.trim().chars().count()) {
            problems.push(FieldNote::new(
                format!("documents[{i}].title"),
                "Please give a title of 1 to 200 characters.",
            ));
        }
    }
    problems
}

fn figure_problems(brief: &Brief) -> Vec<FieldNote> {
    let mut problems = Vec::new();
    let not_an_amount = |amount: f64| !amount.is_finite() || amount < 0.0;
    if !is_language_tag(&brief.language) {
        problems.push(FieldNote::new(
            "language",
            "Please give the language as a tag such as `en` or `pt-BR`.",
        ));
    }
    if !is_currency(&brief.currency) {
        problems.push(FieldNote::new(
            "currency",
            "Please give the currency as three letters, such as `EUR`.",
        ));
    }
    if brief.monthly_marketing_budget.is_some_and(not_an_amount) {
        problems.push(FieldNote::new(
            "monthly_marketing_budget",
            "Please give the monthly budget as zero or more.",
        ));
    }
    if brief.team_hours_per_week.is_some_and(not_an_amount) {
        problems.push(FieldNote::new(
            "team_hours_per_week",
            "Please give the weekly hours as zero or more.",
        ));
    }
    if brief.offer.len() > 10 {
        problems.push(FieldNote::new("offer", "Please name the ten offers that matter most."));
    }
    problems.extend(brief.unit_economics.iter().flat_map(economics_problems));
    for (i, offer) in brief.offer.iter().enumerate() {
        if not_an_amount(offer.price) {
            problems.push(FieldNote::new(
                format!("offer[{i}].price"),
                "Please give this price as zero or more.",
            ));
        }
        if !is_currency(&offer.currency) {
            let text = "Please give the currency of this price as three letters, such as `EUR`.";
            problems.push(FieldNote::new(format!("offer[{i}].currency"), text));
        }
    }
    problems
}

/// Rates and amounts from which no customer value can be computed.
fn economics_problems(given: &UnitEconomics) -> Vec<FieldNote> {
    const SHARE: &str = "Please give this as a share, such as 0.82 for 82 %.";
    const AMOUNT: &str = "Please give this as an amount of zero or more.";
    const POSITIVE: &str = "Please give this as an amount above zero.";
    let figures = [
        ("arpu", given.arpu, 0.0..=f64::MAX, AMOUNT),
        ("gross_margin", given.gross_margin, f64::MIN_POSITIVE..=1.0, SHARE),
        ("variable_service_cost", given.variable_service_cost, 0.0..=f64::MAX, AMOUNT),
        ("churn", given.churn, f64::MIN_POSITIVE..=BELOW_ONE, SHARE),
        ("retention", given.retention, f64::MIN_POSITIVE..=BELOW_ONE, SHARE),
        (
            "lifespan_periods",
            given.lifespan_periods,
            1.0 + f64::EPSILON..=f64::MAX,
            "Please give more than one period.",
        ),
        ("average_order_value", given.average_order_value, 0.0..=f64::MAX, AMOUNT),
        ("orders_per_period", given.orders_per_period, 0.0..=f64::MAX, AMOUNT),
        ("repeat_rate", given.repeat_rate, f64::MIN_POSITIVE..=BELOW_ONE, SHARE),
        ("cac", given.cac, f64::MIN_POSITIVE..=f64::MAX, POSITIVE),
        ("discount_rate_annual", given.discount_rate_annual, 0.0..=f64::MAX, SHARE),
    ];
    let unsound = figures
        .into_iter()
        .filter(|(_, figure, bounds, _)| figure.is_some_and(|f| !bounds.contains(&f.value)));
    unsound
        .map(|(name, _, _, text)| FieldNote::new(format!("unit_economics.{name}"), text))
        .collect()
}

fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

pub(super) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}
