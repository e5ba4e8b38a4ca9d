//! The value if inputs were wrong.

use serde::{Deserialize, Serialize};

use crate::{
    brief::Sourced,
    clv::{Inputs, Value},
};

/// A low, a base and a high case.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scenario {
    /// The low case.
    pub low: f64,
    /// The base case.
    pub base: f64,
    /// The high case.
    pub high: f64,
}

/// The effect of a change of one input.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The name of the input.
    pub input: String,
    /// The change, such as `±25 %`.
    pub change: String,
    /// The discounted value.
    pub clv: Scenario,
    /// The ratio of the value to the acquisition cost.
    pub ltv_to_cac: Option<Scenario>,
}

/// The direction of a change.
#[derive(Clone, Copy)]
enum Case {
    Worse,
    Better,
}

/// Varies churn and acquisition cost by a quarter, and margin by ten points, one at a time.
pub(super) fn each(inputs: &Inputs) -> Vec<Sensitivity> {
    type Vary = fn(Inputs, Case) -> Inputs;
    let varied: [(&str, &str, Vary); 3] = [
        ("churn", "±25 %", vary_churn),
        ("gross_margin", "±10 points", vary_margin),
        ("cac", "±25 %", vary_cac),
    ];
    varied
        .into_iter()
        .filter(|(name, ..)| *name != "cac" || inputs.cost().is_some())
        .filter_map(|(name, change, vary)| {
            let (worse, better) = (vary(*inputs, Case::Worse), vary(*inputs, Case::Better));
            Some(Sensitivity {
                input: name.into(),
                change: change.into(),
                clv: scenario(inputs, &worse, &better, |value| value.discounted_end)?,
                ltv_to_cac: scenario(inputs, &worse, &better, |value| value.ltv_to_cac),
            })
        })
        .collect()
}

/// The discounted value if churn and margin were wrong at once.
pub(super) fn combined(inputs: &Inputs) -> Option<Scenario> {
    let both = |case| vary_margin(vary_churn(*inputs, case), case);
    scenario(inputs, &both(Case::Worse), &both(Case::Better), |value| value.discounted_end)
}

fn scenario(
    base: &Inputs,
    worse: &Inputs,
    better: &Inputs,
    figure: fn(&Value) -> Option<f64>,
) -> Option<Scenario> {
    let of = |inputs: &Inputs| figure(&Value::from_inputs(inputs));
    Some(Scenario { low: of(worse)?, base: of(base)?, high: of(better)? })
}

fn vary_churn(mut inputs: Inputs, case: Case) -> Inputs {
    let factor = match case {
        Case::Worse => 1.25,
        Case::Better => 0.75,
    };
    inputs.churn =
        inputs.churn.map(|churn| Sourced { value: (churn.value * factor).min(0.999), ..churn });
    inputs
}

fn vary_margin(mut inputs: Inputs, case: Case) -> Inputs {
    let points = match case {
        Case::Worse => -0.10,
        Case::Better => 0.10,
    };
    let varied =
        |share: Sourced| Sourced { value: (share.value + points).clamp(0.001, 1.0), ..share };
    inputs.gross_margin = inputs.gross_margin.map(varied);
    inputs
}

fn vary_cac(mut inputs: Inputs, case: Case) -> Inputs {
    let factor = match case {
        Case::Worse => 1.25,
        Case::Better => 0.75,
    };
    inputs.cac = inputs.cac.map(|cac| Sourced { value: cac.value * factor, ..cac });
    inputs
}
