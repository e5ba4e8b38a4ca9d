//! Random briefs with every optional part present or absent, texts short and long, and up to six
//! documents.

use serde_json::{Value, json};

/// A small random generator (`SplitMix64`), so that every run makes the same briefs.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = choices.len() as u64 - 1;
        choices[usize::try_from(self.between(0, last)).unwrap()]
    }

    fn coin(&mut self) -> bool {
        self.between(0, 1) == 1
    }

    /// Sentences with at least this many characters.
    fn text(&mut self, chars: u64) -> String {
        let mut text = String::new();
        while (text.len() as u64) < chars {
            let words = self.between(5, 14);
            let sentence: Vec<&str> = (0..words).map(|_| self.pick(&WORDS)).collect();
            let sentence = sentence.join(" ");
            let (first, rest) = sentence.split_at(1);
            let figure = self.between(2, 9_000).to_string();
            text.extend([&first.to_uppercase(), rest, " ", &figure, ". "]);
        }
        text.trim_end().into()
    }

    fn texts(&mut self, most: u64, chars: u64) -> Vec<String> {
        let count = self.between(0, most);
        (0..count).map(|_| self.text(chars)).collect()
    }
}

const WORDS: [&str; 32] = [
    "the",
    "workshop",
    "customers",
    "repair",
    "service",
    "monthly",
    "orders",
    "winter",
    "a",
    "new",
    "product",
    "market",
    "price",
    "team",
    "delivers",
    "within",
    "days",
    "and",
    "regional",
    "buyers",
    "ask",
    "for",
    "proof",
    "before",
    "they",
    "sign",
    "with",
    "support",
    "of",
    "partners",
    "abroad",
    "quickly",
];

const TRADES: [(&str, &str, &str); 6] = [
    ("bicycle repair", "local_service", "mature"),
    ("web analytics software", "b2b_saas", "growth"),
    ("tax advice for craftsmen", "b2b_services", "early"),
    ("organic coffee by post", "b2c_subscription", "growth"),
    ("furniture made to measure", "b2c_ecom", "mature"),
    ("animal shelter", "nonprofit", "early"),
];

/// A brief that is complete enough to be accepted.
pub(crate) fn random_brief(dice: &mut Dice, business: &str) -> Value {
    let (industry, model, stage) = dice.pick(&TRADES);
    let name = format!(
        "{} {}",
        dice.pick(&["Nordlicht", "Alder", "Kestrel", "Meridian"]),
        dice.between(1, 99)
    );
    let description = {
        let chars = dice.between(90, 1_500);
        dice.text(chars)
    };
    let goals = dice.between(1, 4);
    let goals: Vec<Value> = (0..goals)
        .map(|n| json!({ "text": dice.text(50), "metric": format!("metric_{n}"), "target": dice.between(5, 500) }))
        .collect();
    let offers = dice.between(1, 4);
    let offer: Vec<Value> = (0..offers)
        .map(|_| json!({ "name": dice.text(20), "price": dice.between(9, 900), "currency": "EUR", "billing": "once" }))
        .collect();
    let documents = dice.between(0, 6);
    let documents: Vec<Value> = (0..documents)
        .map(|n| {
            let chars = dice.between(150, 6_000);
            json!({ "title": format!("Document {n}"), "text": dice.text(chars) })
        })
        .collect();
    let mut brief = json!({
        "business_id": business, "name": name, "industry": industry, "location": "Freiburg, Germany",
        "language": "en", "currency": "EUR", "description": description, "goals": goals, "business_model": model,
        "stage": stage, "offer": offer, "known_competitors": dice.texts(6, 15), "current_channels": dice.texts(4, 8),
        "proof_assets": dice.texts(4, 40), "constraints": dice.texts(3, 40), "documents": documents,
    });
    if dice.coin() {
        brief["team_hours_per_week"] = dice.between(4, 40).into();
    }
    if dice.coin() {
        brief["monthly_marketing_budget"] = dice.between(300, 20_000).into();
    }
    if dice.coin() {
        let figure = |value: f64| json!({ "value": value, "source": "assumed" });
        brief["unit_economics"] = json!({ "period": "month", "arpu": figure(40.0), "gross_margin": figure(0.7), "churn": figure(0.04) });
    }
    brief
}
