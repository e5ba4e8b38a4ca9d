//! Briefs for drafts: three realistic ones, and random ones.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub(super) fn software() -> Value {
    json!({
        "name": "Tidewatch",
        "industry": "harbour operations software",
        "location": "Rotterdam, Netherlands",
        "currency": "EUR",
        "description": "Tidewatch tells small and mid-sized harbours which berth to give which ship, from tide, draught \
            and crane data. Harbour masters plan on whiteboards and phone calls today; a wrong berth costs them half a \
            day of demurrage. Eleven harbours pay by the berth and month; two left last year.",
        "goals": [
            {"text": "Grow from 11 to 30 paying harbours", "metric": "paying_harbours", "target": 30},
            {"text": "Cut the sales cycle from nine to five months"},
        ],
        "business_model": "b2b_saas",
        "stage": "early",
        "offer": [{"name": "Planner, per berth", "price": 49.0, "currency": "EUR", "billing": "monthly"}],
        "unit_economics": {
            "period": "month",
            "arpu": {"value": 980, "source": "user"},
            "gross_margin": {"value": 0.82, "source": "user"},
            "churn": {"value": 0.015, "source": "user"},
            "cac": {"value": 7400, "source": "user"},
        },
        "monthly_marketing_budget": 3500,
        "team_hours_per_week": 20,
        "known_competitors": ["Portchain", "whiteboard and phone"],
        "current_channels": ["trade fairs", "linkedin"],
        "proof_assets": ["case study: 31 % fewer berth changes in one year"],
        "constraints": ["no cold calling"],
        "documents": [{
            "title": "Case study",
            "text": "In 2025 the harbour changed 412 berth assignments after publication; in 2024 it was 597.",
        }],
    })
}

pub(super) fn shop() -> Value {
    json!({
        "name": "Kornblume & Söhne",
        "industry": "organic bread by post",
        "location": "Leipzig, Germany",
        "currency": "EUR",
        "description": "We bake sourdough for people who have no decent bakery nearby and send it the same night. Most \
            first orders are presents. Half of the customers order again within a month, yet hardly anybody a third time.",
        "goals": [
            {"text": "Three orders per customer and year", "target": 3},
            {"text": "Three orders per customer and year!"},
            {"text": "TODO"},
        ],
        "business_model": "b2c_ecom",
        "stage": "growth",
        "offer": [
            {"name": "Loaf", "price": 9.5, "currency": "EUR", "billing": "once"},
            {"name": "Box", "price": 39, "currency": "CHF", "billing": "monthly"},
        ],
        "monthly_marketing_budget": 0,
        "team_hours_per_week": 3,
        "known_competitors": ["supermarket", "Supermarket", "Baking at home", "A", "B", "C", "D", "E"],
        "current_channels": ["Instagram", "instagram", "YouTube"],
    })
}

pub(super) fn salon() -> Value {
    json!({
        "name": "Salon 54",
        "industry": "hairdressing",
        "location": "Graz",
        "description": "A hairdresser with three chairs opposite the station. Regulars book weeks ahead, while mornings \
            stay empty and apprentices leave for larger salons.",
        "goals": [{"text": "Fill the mornings"}],
        "business_model": "local_service",
        "stage": "mature",
        "team_hours_per_week": 40,
    })
}

/// Any brief that passes the intake, plausible or not.
pub(super) fn any() -> impl Strategy<Value = Value> {
    (business(), goals(), offers(), means(), lists(), documents()).prop_map(|parts| {
        let (business, goals, offers, means, lists, documents) = parts;
        let mut brief = Map::new();
        for part in [business, means, lists] {
            brief.extend(part);
        }
        brief.extend([
            ("goals".into(), goals),
            ("offer".into(), offers),
            ("documents".into(), documents),
        ]);
        Value::Object(brief)
    })
}

fn words(fewest: usize, most: usize) -> impl Strategy<Value = String> + Clone {
    prop::collection::vec("[a-zA-Zäéž0-9%€-]{1,12}", fewest..most).prop_map(|words| words.join(" "))
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn business() -> impl Strategy<Value = Map<String, Value>> {
    let line =
        || "[\\PC]{2,100}".prop_filter("is too short", |text| text.trim().chars().count() >= 2);
    let models =
        "b2b_saas|b2b_services|b2c_ecom|b2c_subscription|marketplace|local_service|nonprofit|other";
    let stages = "idea|pre_revenue|early|growth|mature";
    (line(), line(), line(), words(40, 120), models, stages).prop_map(|parts| {
        let (name, industry, location, description, model, stage) = parts;
        fields([
            ("name", json!(name)),
            ("industry", json!(industry)),
            ("location", json!(location)),
            ("description", json!(format!("What we do: {description}, and no more than that."))),
            ("business_model", json!(model)),
            ("stage", json!(stage)),
        ])
    })
}

fn goals() -> impl Strategy<Value = Value> {
    let goal = (words(1, 12), prop::option::of(0.0..1e6));
    let goal =
        goal.prop_map(|(text, target)| json!({"text": format!("to {text}"), "target": target}));
    prop::collection::vec(goal, 1..=5).prop_map(Value::Array)
}

fn offers() -> impl Strategy<Value = Value> {
    let offer =
        (words(1, 6), 0.0..1e5, "USD|EUR", "monthly|yearly|once|per seat").prop_map(|parts| {
            let (name, price, currency, billing) = parts;
            json!({"name": name, "price": price, "currency": currency, "billing": billing})
        });
    prop::collection::vec(offer, 0..4).prop_map(Value::Array)
}

fn means() -> impl Strategy<Value = Map<String, Value>> {
    let figure = |most: f64| prop::option::of(0.0..most);
    (figure(1e5), figure(100.0), figure(1e4), "month|year").prop_map(
        |(budget, hours, revenue, period)| {
            let arpu =
                |value| json!({"period": period, "arpu": {"value": value, "source": "assumed"}});
            fields([
                ("monthly_marketing_budget", json!(budget)),
                ("team_hours_per_week", json!(hours)),
                ("unit_economics", json!(revenue.map(arpu))),
            ])
        },
    )
}

fn lists() -> impl Strategy<Value = Map<String, Value>> {
    let list = || prop::collection::vec(words(1, 5), 0..7);
    (list(), list(), list()).prop_map(|(competitors, channels, proofs)| {
        fields([
            ("known_competitors", json!(competitors)),
            ("current_channels", json!(channels)),
            ("proof_assets", json!(proofs)),
        ])
    })
}

fn documents() -> impl Strategy<Value = Value> {
    let document = (words(1, 5), "[\\PC\\n]{20,600}");
    let document =
        document.prop_map(|(title, text)| json!({"title": title, "text": format!("Text: {text}")}));
    prop::collection::vec(document, 0..4).prop_map(Value::Array)
}
