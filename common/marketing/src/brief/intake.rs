mod problems;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Brief, Source, Sourced, Stage};

/// The most questions at once; clients would not answer more.
const MAX_QUESTIONS: usize = 5;
/// The least completeness of a sufficient brief.
const MIN_COMPLETENESS: f64 = 0.5;

/// The result of the intake.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Intake {
    /// Whether an analysis can start.
    pub valid: bool,
    /// The share of useful information that is present, from 0 to 1.
    pub completeness: f64,
    /// Empty fields that would help.
    pub missing: Vec<String>,
    /// Questions for the client, the most important first; at most five.
    pub questions: Vec<FieldNote>,
    /// Statements that contradict each other.
    pub contradictions: Vec<FieldNote>,
}

/// A note about one field of the brief.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldNote {
    /// The field, such as `goals[0].by`.
    pub field: String,
    /// The question or remark, in words for the client.
    pub text: String,
}

impl FieldNote {
    fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self { field: field.into(), text: text.into() }
    }
}

/// Checks a brief as of `today`.
pub fn intake(brief: &Brief, today: Date) -> Intake {
    let problems = problems::all(brief, today);
    let contradictions = contradictions(brief);
    let parts = parts(brief);
    let completeness = parts
        .iter()
        .filter(|part| part.present)
        .map(|part| part.weight)
        .sum::<f64>()
        .clamp(0.0, 1.0);
    let missing: Vec<&BriefPart> = parts.iter().filter(|part| !part.present).collect();

    let valid = problems.is_empty() && completeness >= MIN_COMPLETENESS;
    let mut questions = problems;
    questions.extend(contradictions.iter().cloned());
    for part in &missing {
        if !questions.iter().any(|question| question.field == part.field) {
            questions.push(FieldNote::new(part.field, part.question));
        }
    }
    questions.truncate(MAX_QUESTIONS);
    let missing = missing.into_iter().map(|part| part.field.to_owned()).collect();
    Intake { valid, completeness, missing, questions, contradictions }
}

/// A part of the brief that an analysis needs, with its weight.
struct BriefPart {
    field: &'static str,
    weight: f64,
    present: bool,
    question: &'static str,
}

/// The required fields have a total weight of 0.6, so that a brief with only these is accepted, and
/// one without a description is not.
fn parts(brief: &Brief) -> Vec<BriefPart> {
    let part = |field, weight, present, question| BriefPart { field, weight, present, question };
    let said = |text: &str| !text.trim().is_empty();
    vec![
        part(
            "description",
            0.25,
            brief.description.trim().chars().count() >= 80,
            "What do you do, for whom, and what stands in your way?",
        ),
        part(
            "goals",
            0.15,
            !brief.goals.is_empty(),
            "What should be different in a year, in figures if you have them?",
        ),
        part("name", 0.1, said(&brief.name), "What is the business called?"),
        part("industry", 0.05, said(&brief.industry), "What trade are you in?"),
        part("location", 0.05, said(&brief.location), "Where do your customers live or work?"),
        part(
            "unit_economics",
            0.1,
            brief.unit_economics.is_some(),
            "What does an average customer pay, how long do they stay, and what does winning one cost?",
        ),
        part("offer", 0.08, !brief.offer.is_empty(), "What do you sell, and at what price?"),
        part(
            "monthly_marketing_budget",
            0.05,
            brief.monthly_marketing_budget.is_some(),
            "What can you spend on marketing each month?",
        ),
        part(
            "known_competitors",
            0.05,
            !brief.known_competitors.is_empty(),
            "Whom or what do people choose instead of you?",
        ),
        part(
            "team_hours_per_week",
            0.03,
            brief.team_hours_per_week.is_some(),
            "How many hours a week does your team have for marketing?",
        ),
        part(
            "current_channels",
            0.03,
            !brief.current_channels.is_empty(),
            "Where do customers find you today?",
        ),
        part(
            "proof_assets",
            0.03,
            !brief.proof_assets.is_empty(),
            "What can you show as proof: cases, figures, reviews?",
        ),
        part(
            "documents",
            0.03,
            !brief.documents.is_empty(),
            "Which texts describe your market or your customers? Paste them.",
        ),
    ]
}

/// Contradictions in the brief. They do not prevent the analysis, because the client may know
/// better.
fn contradictions(brief: &Brief) -> Vec<FieldNote> {
    let mut found = Vec::new();
    for (i, offer) in brief.offer.iter().enumerate() {
        if problems::is_currency(&offer.currency) && offer.currency != brief.currency {
            let text = format!(
                "This price is in {} while everything else is in {}. Which is right?",
                offer.currency, brief.currency
            );
            found.push(FieldNote::new(format!("offer[{i}].currency"), text));
        }
    }
    if brief
        .known_competitors
        .iter()
        .any(|name| name.trim().eq_ignore_ascii_case(brief.name.trim()))
    {
        found.push(FieldNote::new(
            "known_competitors",
            "The business is listed as its own competitor. Whom did you mean?",
        ));
    }
    let Some(economics) = &brief.unit_economics else { return found };
    if let (Some(churn), Some(retention)) = (economics.churn, economics.retention)
        && (churn.value + retention.value - 1.0).abs() > 0.005
    {
        let text = "Churn and retention do not add up to 1. Which of the two did you measure?";
        found.push(FieldNote::new("unit_economics.retention", text));
    }
    let measured =
        |figure: Option<Sourced>| figure.is_some_and(|figure| figure.source == Source::User);
    if matches!(brief.stage, Stage::Idea | Stage::PreRevenue)
        && (measured(economics.arpu) || measured(economics.churn))
    {
        let text = "The stage says that nothing is sold yet, but revenue or churn was measured. Which is right?";
        found.push(FieldNote::new("stage", text));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::artefact::fixture;

    const TODAY: Date = Date::constant(2026, 11, 23);

    /// The intake of the valid brief with one change.
    fn checked(pointer: &str, to: Value) -> Intake {
        let mut brief = fixture::draft("brief");
        fixture::change(&mut brief, pointer, to);
        intake(&serde_json::from_value(brief).unwrap(), TODAY)
    }

    fn check(pointer: &str, to: Value, field: &str) {
        let intake = checked(pointer, to);
        assert!(!intake.valid, "{pointer}");
        assert!(
            intake.questions.iter().any(|question| question.field == field),
            "{pointer}: {intake:?}"
        );
    }

    #[test]
    fn a_full_brief_raises_no_questions() {
        let intake = intake(&fixture::brief(), TODAY);
        assert_eq!(
            (intake.valid, intake.missing, intake.questions, intake.contradictions),
            (true, vec![], vec![], vec![])
        );
        assert!((intake.completeness - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_required_fields_suffice() {
        let mut brief = fixture::draft("brief");
        let required =
            ["name", "industry", "location", "description", "goals", "business_model", "stage"];
        brief.as_object_mut().unwrap().retain(|field, _| required.contains(&field.as_str()));
        let brief: Brief = serde_json::from_value(brief).unwrap();
        assert_eq!((brief.language.as_str(), brief.currency.as_str()), ("en", "USD"));
        let intake = intake(&brief, TODAY);
        assert!(intake.valid && intake.completeness >= MIN_COMPLETENESS, "{intake:?}");
        assert_eq!(intake.questions.len(), MAX_QUESTIONS);
        assert_eq!(intake.questions[0].field, "unit_economics");
    }

    #[test]
    fn each_problem_names_its_field() {
        check("/name", json!("X"), "name");
        check("/industry", json!(""), "industry");
        check("/location", json!("x".repeat(121)), "location");
        check("/description", json!("We fix machines."), "description");
        check("/description", json!("x".repeat(8001)), "description");
        check("/goals", json!([]), "goals");
        check("/goals/0/by", json!("2026-11-22"), "goals[0].by");
        check("/goals/1/text", json!(" "), "goals[1].text");
        check("/currency", json!("euro"), "currency");
        check("/language", json!("English, please"), "language");
        check("/monthly_marketing_budget", json!(-1.0), "monthly_marketing_budget");
        check("/team_hours_per_week", json!(-1.0), "team_hours_per_week");
        check("/offer/0/price", json!(-1.0), "offer[0].price");
        check("/unit_economics/gross_margin/value", json!(82.0), "unit_economics.gross_margin");
        check("/unit_economics/churn/value", json!(0.0), "unit_economics.churn");
        check("/known_competitors", json!(vec!["a rival"; 51]), "known_competitors");
        check("/constraints/0", json!(""), "constraints[0]");
        check("/documents/0/text", json!("x".repeat(60_001)), "documents[0].text");
        check("/documents/0/title", json!(""), "documents[0].title");
        check("/documents", json!(vec![json!({"title": "t", "text": "t"}); 21]), "documents");
    }

    #[test]
    fn contradictions_raise_questions_without_stopping_the_intake() {
        for (pointer, to, field) in [
            ("/offer/0/currency", json!("USD"), "offer[0].currency"),
            ("/known_competitors/0", json!("crema care"), "known_competitors"),
            (
                "/unit_economics/retention",
                json!({"value": 0.5, "source": "user"}),
                "unit_economics.retention",
            ),
            ("/stage", json!("idea"), "stage"),
        ] {
            let mut brief = fixture::draft("brief");
            brief["unit_economics"]["retention"] = json!({"value": 0.98, "source": "user"});
            fixture::change(&mut brief, pointer, to);
            let intake = intake(&serde_json::from_value(brief).unwrap(), TODAY);
            assert!(intake.valid, "{intake:?}");
            assert_eq!(
                intake.contradictions.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(),
                [field]
            );
            assert_eq!(intake.questions, intake.contradictions);
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let mut brief = fixture::draft("brief");
        brief["budget"] = json!(1);
        assert!(serde_json::from_value::<Brief>(brief).is_err());
    }
}
