//! Customer lifetime value as an artefact: computed figures, their meaning, and their reliability.

mod rules;
mod sensitivity;

use serde::{Deserialize, Serialize};

pub use sensitivity::{Scenario, Sensitivity};

use super::{Artefact, Finding, Kind, PriorArtefacts};
use crate::{
    brief::{Period, Source, UnitEconomics},
    clv::{Inputs, Value},
};

/// The artefact. Every figure is computed from the brief; missing inputs are asked for and never
/// invented.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Clv {
    /// Currency of the amounts.
    pub currency: String,
    /// The period of all rates and amounts; `None` without unit economics.
    pub period: Option<Period>,
    /// The inputs of the computation.
    pub inputs: Vec<Input>,
    /// The computed figures.
    pub value: Value,
    /// The band of the ratio of value to acquisition cost.
    pub ratio_band: Option<RatioBand>,
    /// The band of the payback time.
    pub payback_band: Option<PaybackBand>,
    /// The value if single inputs were wrong.
    pub sensitivity: Vec<Sensitivity>,
    /// Whether any input was not measured by the client.
    pub estimate: bool,
    /// The discounted value if all inputs were wrong at once; given for estimates.
    pub range: Option<Scenario>,
    /// Missing inputs, with a question for each.
    pub missing: Vec<MissingInput>,
}

/// An input of the computation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Where the figure comes from.
    pub source: Source,
}

/// An input that is missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MissingInput {
    /// Its name.
    pub name: String,
    /// The question for the client.
    pub ask: String,
}

/// Bands of the ratio of value to acquisition cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioBand {
    /// Below 1: every customer costs more than they bring in.
    Losing,
    /// 1 to 3: there is little margin for error.
    Fragile,
    /// 3 to 5: healthy.
    Healthy,
    /// Above 5: the business may spend too little on growth.
    UnderInvesting,
}

/// Bands of the payback time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaybackBand {
    /// Within 12 months.
    Good,
    /// Within 18 months.
    Watch,
    /// After 18 months.
    Poor,
    /// Customers leave before their acquisition has paid off.
    Never,
}

impl Clv {
    /// Computes the artefact from the brief.
    pub fn compute(prior: &PriorArtefacts) -> Self {
        let currency = prior.brief.currency.clone();
        match &prior.brief.unit_economics {
            Some(given) => Self::of(given, currency),
            None => Self {
                currency,
                period: None,
                inputs: Vec::new(),
                value: Value::default(),
                ratio_band: None,
                payback_band: None,
                sensitivity: Vec::new(),
                estimate: false,
                range: None,
                missing: missing(None),
            },
        }
    }

    fn of(given: &UnitEconomics, currency: String) -> Self {
        let inputs = Inputs::of(given);
        let value = Value::from_inputs(&inputs);
        let known = inputs.known();
        let estimate = known.iter().any(|(_, input)| input.source != Source::User);
        Self {
            currency,
            period: Some(inputs.period),
            inputs: known
                .into_iter()
                .map(|(name, input)| Input {
                    name: name.into(),
                    value: input.value,
                    source: input.source,
                })
                .collect(),
            value,
            ratio_band: value.ltv_to_cac.map(RatioBand::of),
            payback_band: PaybackBand::of(&value, inputs.period),
            sensitivity: sensitivity::each(&inputs),
            estimate,
            range: estimate.then(|| sensitivity::combined(&inputs)).flatten(),
            missing: missing(Some(&inputs)),
        }
    }

    /// Whether the client measured all inputs that decide the ratio.
    pub fn measured(&self) -> bool {
        let decisive = ["revenue", "gross_margin", "churn", "cac"];
        decisive.iter().all(|name| {
            self.inputs.iter().any(|input| input.name == *name && input.source == Source::User)
        })
    }
}

impl RatioBand {
    fn of(ratio: f64) -> Self {
        if ratio < 1.0 {
            Self::Losing
        } else if ratio < 3.0 {
            Self::Fragile
        } else if ratio <= 5.0 {
            Self::Healthy
        } else {
            Self::UnderInvesting
        }
    }
}

impl PaybackBand {
    fn of(value: &Value, period: Period) -> Option<Self> {
        // Without a ratio there is no acquisition cost to pay back; with a ratio, a payback that
        // cannot be computed never happens.
        value.ltv_to_cac?;
        let months_per_period = match period {
            Period::Month => 1.0,
            Period::Year => 12.0,
        };
        Some(match value.payback_with_churn_periods.map(|periods| periods * months_per_period) {
            None => Self::Never,
            Some(months) if months <= 12.0 => Self::Good,
            Some(months) if months <= 18.0 => Self::Watch,
            Some(_) => Self::Poor,
        })
    }
}

fn missing(inputs: Option<&Inputs>) -> Vec<MissingInput> {
    let known = inputs.map(Inputs::known).unwrap_or_default();
    let wanted = [
        ("revenue", "What does an average customer pay in a month or a year?"),
        ("gross_margin", "Which share of that is left after the direct cost of delivering?"),
        (
            "churn",
            "Which share of customers leaves in a month or a year, or how long do they stay?",
        ),
        (
            "cac",
            "What does it cost to win a customer: marketing and sales cost divided by new customers?",
        ),
    ];
    let unknown =
        wanted.into_iter().filter(|(name, _)| known.iter().all(|(known, _)| known != name));
    unknown.map(|(name, ask)| MissingInput { name: name.into(), ask: ask.into() }).collect()
}

impl Artefact for Clv {
    const KIND: Kind = Kind::Clv;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
